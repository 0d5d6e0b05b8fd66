"""Chunks of a file on their way into xorbs."""

from __future__ import annotations

import random

import pytest
from tests.support.xetflows import staged

from hanse.content.chunking import split
from hanse.content.hashing import file_hash_of_chunk_list
from hanse.content.xorb import parse_xorb
from hanse.db import xorbs
from hanse.db.repos import Repo
from hanse.flows import file_writer
from hanse.flows.file_writer import FileWriter
from hanse.flows.known_chunks import nothing_known
from hanse.flows.node import Node
from hanse.flows.read import TermSource
from hanse.store.keys import XORBS, xorb_key

DATA = random.Random(61).randbytes(2_000_000)


def test_full_xorbs_are_sealed_and_the_next_begun(lite: Node, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than a xorb becomes several, each valid, each named by its bytes, uncompressed, none of a repository."""
    monkeypatch.setattr(file_writer, "FULL_XORB_BYTES", 600_000)
    with FileWriter(lite, nothing_known(lite)) as writer:
        for chunk in split(DATA):
            writer.add(chunk)
        terms = writer.finish()
    assert [term.xorb for term in terms] == writer.new
    assert len(terms) == 4
    assert file_hash_of_chunk_list(writer.chunks.encode())[1] == len(DATA)
    for name in writer.new:
        table, _ = parse_xorb(lite.store.get(xorb_key(name)), name)
        assert table.encode() == lite.transfers.tables.get(lite.store, name).table.encode()
        assert table.plain(0, table.count)
    assert b"".join(TermSource(lite.store, lite.transfers.tables, terms).pieces(0, len(DATA))) == DATA
    with lite.db.read() as conn:
        assert set(xorbs.get_xorbs(conn, writer.new)) == set(writer.new)
        assert xorbs.find_xorbs(conn, repo.id, writer.new) == {}


def test_an_abandoned_file_leaves_no_open_xorb(lite: Node) -> None:
    """Without `finish` nothing is stored and nothing staged remains."""
    with FileWriter(lite, nothing_known(lite)) as writer:
        writer.add(DATA[:100_000])
    assert list(lite.store.list(XORBS)) == []
    assert staged(lite) == []


def test_what_is_remembered_of_a_file_is_bounded(lite: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound earlier chunks are forgotten: they are stored again rather than kept in memory."""
    monkeypatch.setattr(file_writer, "_MOST_WRITTEN", 2)
    again = [bytes([number]) * 9000 for number in (0, 1, 2, 3, 0, 3)]
    with FileWriter(lite, nothing_known(lite)) as writer:
        for chunk in again:
            writer.add(chunk)
        terms = writer.finish()
    assert b"".join(TermSource(lite.store, lite.transfers.tables, terms).pieces(0, 54_000)) == b"".join(again)
