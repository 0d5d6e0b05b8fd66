"""Pulling: names become pins, pins become verified files, from whoever has the bytes."""
