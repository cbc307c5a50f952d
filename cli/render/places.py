"""WORKSTATION: places in the manifest as results name them: `policies/web.yaml:23`, without the column."""

from __future__ import annotations

from state.problem import Source


def place(source: Source) -> str:
    """File and line."""
    return f"{source.file}:{source.line}"
