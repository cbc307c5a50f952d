"""DATA: the manifest's JSON Schema, and the loader that turns a folder of YAML into a Manifest, with line numbers."""

from schemas.loader import load, load_cluster

__all__ = ["load", "load_cluster"]
