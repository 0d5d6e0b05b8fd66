"""Predicate types that the catalogue tells apart; all of them are in `hanse.sign.statement`, with what they say."""

from __future__ import annotations

AUDIT = "https://hanse/audit/v1"
"""An audit of another member: about him, more than about the revision that it names."""
