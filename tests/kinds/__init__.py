"""Kinds as data: desired, observed, plan."""
