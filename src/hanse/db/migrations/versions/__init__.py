"""Revisions in order; each is frozen once released."""
