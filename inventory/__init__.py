"""WORKSTATION: which hosts there are, and how to reach them."""
