"""Bestiary: which optimizer trains your language model fastest, by how much, and how sure is that?

The package is a ladder (docs/architecture.md): each line imports only from lines above it.
Nothing is imported here, so that `import bestiary` costs nothing and plain data never loads JAX.
"""
