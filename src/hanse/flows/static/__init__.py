"""A node's public things as files that any web server serves: layout, writing, folders and buckets (docs/static.md)."""
