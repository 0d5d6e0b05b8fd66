"""Copies of other logs against the roots that were recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.xetflows import damage

from hanse.db import witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.flows.fsck import fsck
from hanse.flows.fsck_checker import Checker
from hanse.flows.fsck_mirrors import check_mirrors
from hanse.flows.logcopy import LogCopy
from hanse.flows.node import Node
from hanse.flows.witness import find_log
from hanse.store.keys import mirror_key
from hanse.tlog.hashing import EMPTY_ROOT

ORIGIN = "example.com/log"


@pytest.fixture(name="held")
def _held(lite: Node) -> WitnessedLog:
    """Hold a copy of a log of 300 entries."""
    copy = LogCopy(lite.store, ORIGIN)
    growth = copy.grow(0, [b"entry %d" % number for number in range(300)])
    copy.put(growth)
    with lite.db.write() as conn:
        witnesses.add(conn, ORIGIN, ("vkey",), "http://log.example", EMPTY_ROOT.hex())
    log = find_log(lite, ORIGIN)
    with lite.db.write() as conn:
        witnesses.set_mirrored(conn, log, 300, growth.root.hex())
    return replace(log, mirrored=300)


def _messages(node: Node) -> list[str]:
    checker = Checker(node)
    check_mirrors(checker)
    return [problem.message for problem in checker.problems]


def test_a_whole_copy_is_clean(lite: Node, held: WitnessedLog) -> None:
    """Nothing is wrong with a copy as it was put, and the check of the whole node counts it."""
    assert _messages(lite) == []
    report = fsck(lite)
    assert report.clean
    assert report.checked["bundle"] == 2


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_damage_is_found(lite: Node, held: WitnessedLog, path: str) -> None:
    """A changed byte in any file of the copy is told."""
    damage(lite, mirror_key(held.origin_hash, path), 7)
    assert len(_messages(lite)) == 1


def test_missing_files_are_found(lite: Node, held: WitnessedLog) -> None:
    """A file that is gone is told."""
    lite.store.delete(mirror_key(held.origin_hash, "tile/0/000"))
    assert len(_messages(lite)) == 1


def test_a_copy_of_nothing_is_stray(lite: Node) -> None:
    """Files under the hash of a log that nobody added are told, one by one."""
    copy = LogCopy(lite.store, "other.example/log")
    copy.put(copy.grow(0, [b"entry"]))
    assert _messages(lite) == ["no such log is mirrored here"] * 2
