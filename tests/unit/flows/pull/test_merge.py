"""Evidence of several nodes is put together: the longest log counts, everything that fits it is taken once."""

from __future__ import annotations

import pytest
from tests.support.evidence import Member

from hanse.errors import BadFormat
from hanse.flows.pull.merge import Shown, merge, split_views
from hanse.model.digest import Sha256
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.model.scan_times import MAX_TIMES_LINES, ScanTimes

ANNA, BEN = Member("a.example"), Member("b.example")
REVISION = ANNA.publish("org/name", {"x": b"1"})


def test_one_file_is_itself() -> None:
    """Nothing is written anew where there is nothing to put together."""
    data = ANNA.evidence(REVISION)
    assert merge([Shown("n", data)]).data == data
    assert merge([Shown("n", data), Shown("m", b"{")]).data == data


def test_cosignatures_and_leaves_of_one_checkpoint_are_joined() -> None:
    """Two nodes that show one checkpoint with different cosignatures and leaves show all of them together."""
    one = ANNA.evidence(REVISION, ANNA.checkpoint([BEN]))
    other = encode_evidence([], [ANNA.shown([0], ANNA.checkpoint([], [BEN]))], [])
    for shown in ([Shown("n", one), Shown("m", other)], [Shown("m", other), Shown("n", one)]):
        merged = merge(shown)
        (log,) = merged.evidence.logs
        assert log.checkpoint.count("\u2014".encode()) == 3
        assert {leaf.index for leaf in log.leaves} == {0, *ANNA.needed(REVISION)}
        assert (merged.false, merged.older) == ({}, ())
        assert merged.evidence.bundles == parse_evidence(one).bundles


def test_times_of_scans_are_all_taken() -> None:
    """As far as one file holds them; a node that fills a file with false ones keeps nobody from what the others show."""
    one, many = ScanTimes(Sha256("ab" * 32), (1,)), [ScanTimes(Sha256("cd" * 32), (at,)) for at in range(MAX_TIMES_LINES)]
    good = encode_evidence([], [], [], times=[one])
    assert merge([Shown("n", good), Shown("m", ANNA.evidence(REVISION))]).evidence.times == (one,)
    merged = merge([Shown("liar", encode_evidence([], [], [], times=many)), Shown("n", good)]).evidence.times
    assert (one in merged, len(merged)) == (True, MAX_TIMES_LINES)


def test_the_longer_log_counts() -> None:
    """Of the shorter one nothing is taken but statements; who shows it is named."""
    old = ANNA.evidence(REVISION)
    later = ANNA.publish("org/name", {"x": b"2"})
    new = ANNA.evidence(later)
    merged = merge([Shown("old", old), Shown("new", new)])
    assert merged.older == (("old", ANNA.origin),)
    assert merged.evidence.logs == parse_evidence(new).logs
    assert merged.evidence.maps == parse_evidence(new).maps
    assert len(merged.evidence.bundles) == 2


def test_files_that_are_none_are_named() -> None:
    """If there is no other, that is an error."""
    data = ANNA.evidence(REVISION)
    assert list(merge([Shown("bad", b"\xff"), Shown("n", data)]).false) == ["bad"]
    with pytest.raises(BadFormat):
        merge([Shown("bad", b"\xff"), Shown("worse", b"{}")])


def test_two_heads_of_one_size_are_seen() -> None:
    """Whatever they are worth; two sets of cosignatures of one head are no such thing."""
    other = Member("a.example")
    fork = other.publish("org/name", {"x": b"evil"})
    mine = Member("a.example")
    true = mine.publish("org/name", {"x": b"good"})
    assert len(other.log.leaves) == len(mine.log.leaves)
    shown = [Shown("n", mine.evidence(true)), Shown("m", other.evidence(fork))]
    ((origin, one, two),) = split_views(shown)
    assert origin == "a.example"
    assert one != two
    assert split_views([Shown("n", mine.evidence(true)), Shown("m", mine.evidence(true, mine.checkpoint([BEN])))]) == ()
