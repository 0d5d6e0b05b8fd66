"""Tables of functions."""

from __future__ import annotations

from hanse.scan.python import origins


def test_tables_do_not_contradict() -> None:
    """A function has one origin."""
    assert not origins.DECODERS & origins.FETCHERS
    assert "<module>" in origins.LOADER_ENTRIES
