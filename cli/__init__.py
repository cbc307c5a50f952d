"""WORKSTATION: what a person types and sees: one file per command, workflow.py, and render/."""
