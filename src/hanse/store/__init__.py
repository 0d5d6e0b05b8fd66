"""The object store: immutable objects by key, on local disk."""
