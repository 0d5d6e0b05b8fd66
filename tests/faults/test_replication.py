"""Institutions, for real: what one publishes the others hold, through lost homes, killed processes and full disks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.whole import check_world
from tests.support.alliance import alliance, copied, holds, model, remove, rows, upload
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.forked import Mother
from tests.support.members import Institution, until
from tests.support.unshared import run_unshared

from hanse.db import copies

ORIGINS = ("a.example", "b.example", "c.example")
REPO = "uni/model"


@pytest.mark.soak
def test_a_lost_home_is_made_good(mother: Mother, tmp_path: Path) -> None:
    """Two copies are wanted and the home is gone: the member without one gets it from the survivor, and clients download it."""
    rules = tmp_path / "copies.toml"
    rules.write_text("copies = 2\n")
    with alliance(mother, tmp_path, *ORIGINS, environ={"HANSE_REPLICATE_RULES": str(rules)}) as (a, b, c):
        files = sample_folder(tmp_path / "model")
        rev = upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
        first, second = _order(b, c, rev)
        assert not holds(second, REPO, rev)
        a.node.kill()
        remove("a.example", b, c, folder=tmp_path)
        copied(second, REPO, rev)
        first.node.kill()
        Client("hub2", second.node, tmp_path / "reader").hf("download", REPO, "--local-dir", tmp_path / "copy")
        assert {path: data for path, data in tree_bytes(tmp_path / "copy").items() if path in files} == files


@pytest.mark.soak
def test_a_killed_copy_goes_on(mother: Mother, tmp_path: Path) -> None:
    """`kill -9` in the middle of a copy: what was durable is not fetched again, and everything is whole afterwards."""
    rate = 4_000_000
    with alliance(mother, tmp_path, *ORIGINS[:2], environ={"HANSE_REPLICATE_RATE": str(rate)}) as (a, b):
        size = model(tmp_path / "model", 6 * rate)
        rev = upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
        until(lambda: _durable(b) > rate, "a part of the copy")
        b.node.kill()
        there = _durable(b)
        assert rate < there < size
        b.node.start()
        copied(b, REPO, rev)
        # Where the machine is slow the commit that made the repository has settled, too, and is a copy of its own.
        (row,) = until(lambda: [one for one in rows(b) if one.rev == rev and one.state == copies.HELD], "the end of the copy")
        assert 0 < row.moved <= size - there + 300_000, "what a killed process had counted nobody knows; this is the second one's"
        assert b.node.stop() == 0
    check_world(b.node.data)


def _durable(one: Institution) -> int:
    """Return how many bytes of files on their way a node has for good."""
    notes = (one.node.data / "staging" / "replicate" / "partial").glob("*.done")
    ranges = [line.split() for note in notes for line in note.read_text().splitlines()]
    return sum(int(end) - int(start) for start, end in ranges)


@pytest.mark.long
def test_a_full_disk(tmp_path: Path) -> None:
    """The disk of who copies is full: it says so, loses nothing, and goes on: see `tests.faults.full_disk_copy`."""
    run_unshared("tests.faults.full_disk_copy", tmp_path)


def _order(b: Institution, c: Institution, rev: str) -> tuple[Institution, Institution]:
    """Return who got the one copy that was wanted, and who did not."""
    first = until(lambda: next((one for one in (b, c) if holds(one, REPO, rev)), None), "a copy")
    return first, c if first is b else b
