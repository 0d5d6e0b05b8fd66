"""Everything by which bytes enter the store: xorbs and whole files as streams, small files in one piece."""

from __future__ import annotations

from hanse.flows.file_ingest import FileIngest
from hanse.flows.small_files import store_small, store_small_files
from hanse.flows.xorb_ingest import XorbIngest

__all__ = ["FileIngest", "XorbIngest", "store_small", "store_small_files"]
