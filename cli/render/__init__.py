"""WORKSTATION: plans, results and problems as text, JSON and Markdown."""
