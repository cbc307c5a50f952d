"""DATA: the manifest's JSON Schema, and the loader that turns a folder of YAML into a Manifest, with line numbers."""
