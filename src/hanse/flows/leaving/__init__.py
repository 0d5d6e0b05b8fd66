"""Leaving with everything: exports as folders and archives, verified and imported without network (docs/export.md)."""
