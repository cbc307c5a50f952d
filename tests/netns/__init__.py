"""Kinds on the real kernel, in throw-away network namespaces."""
