"""The one door for bytes that come in."""

from __future__ import annotations

from hanse.flows import file_ingest, ingest, small_files, xorb_ingest


def test_all_ways_in_are_offered_under_one_name() -> None:
    """Whoever takes bytes in imports this module and needs no other."""
    assert ingest.XorbIngest is xorb_ingest.XorbIngest
    assert ingest.FileIngest is file_ingest.FileIngest
    assert ingest.store_small is small_files.store_small
    assert ingest.store_small_files is small_files.store_small_files
