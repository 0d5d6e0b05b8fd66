"""Hanse: an open-model hub that no single institution can derail."""

__version__ = "0.1.0"
