"""BOTH SIDES: the kinds of things netctl manages on a host."""
