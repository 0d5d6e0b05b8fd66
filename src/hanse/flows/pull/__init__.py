"""Pulling: from a name to verified files, from whoever has them."""
