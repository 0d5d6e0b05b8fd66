"""What was written is counted once, and what never changes is not made to find that it is there."""

from __future__ import annotations

from pathlib import Path

from hanse.flows.static.folder import FolderSink
from hanse.flows.static.output import Output, content_of
from hanse.flows.static.selection import Written
from hanse.model.digest import Sha256
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath
from hanse.store.keys import blob_key
from hanse.store.local import LocalStore

A, B = StaticPath("xorbs/a"), StaticPath("refs/b.json")


def _never() -> bytes:
    raise AssertionError("it is there")


def test_counted_once(tmp_path: Path) -> None:
    """A file named twice is put once; a lasting one that is there is not made again."""
    sink, key = FolderSink(tmp_path / "site"), blob_key(Sha256("a" * 64))
    store = LocalStore(tmp_path / "objects")
    store.put(key, b"bytes")
    with sink.claimed(Origin("hub.example.org")):
        first = Written()
        out = Output(sink, first)
        for _ in range(2):
            out.put(B, b"12")
            out.put_lasting(A, 5, lambda: content_of(store, key))
        assert (first.files, first.bytes, first.paths) == (2, 7, {A, B})
        again = Written()
        Output(sink, again).put_lasting(A, 5, _never)
        Output(sink, again).put(B, b"12")
        assert (again.files, again.bytes, again.paths) == (0, 0, {A, B})
