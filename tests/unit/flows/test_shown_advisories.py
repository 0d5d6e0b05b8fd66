"""Lists of advisories are held against the root that the log signed: nothing can be left out or put in."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tests.support.advising import record
from tests.support.verifying import World, make_world

from hanse.flows.shown_advisories import root_of, with_advisories
from hanse.flows.shown_log import ShownLeaf, ShownLog, open_log
from hanse.model.digest import Sha256
from hanse.model.evidence import parse_evidence
from hanse.model.listed_advisories import AdvisoriesEvidence, ListedAdvisory
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.sign.statement import Subject, advisory_statement


@pytest.fixture(name="log", scope="module")
def _log() -> ShownLog:
    world: World = make_world()
    evidence = parse_evidence(world.evidence())
    return open_log(evidence.logs[0], evidence.maps, world.trust())


def listed(*names: str) -> AdvisoriesEvidence:
    """Return the list of these advisories."""
    entries = []
    for name in sorted(names):
        data = advisory_statement([Subject("x", {"sha256": "0" * 64})], record(name)).encode()
        entries.append(ListedAdvisory(name, Sha256(hashlib.sha256(data).hexdigest()), data))
    return AdvisoriesEvidence(LOG, tuple(entries))


LOG = make_world().a.origin


def signed(log: ShownLog, one: AdvisoriesEvidence) -> ShownLog:
    """Return the log as if its newest snapshot had the map of a list."""
    assert log.snapshot is not None
    assert isinstance(log.snapshot.leaf, SnapshotLeaf)
    leaf = replace(log.snapshot.leaf, advisories=Sha256(root_of(one).hex()))
    return replace(log, snapshot=ShownLeaf(log.snapshot.index, b"", leaf))


def test_an_empty_map_needs_no_list(log: ShownLog) -> None:
    """A log without advisories is judged as it is; a list that says otherwise is none."""
    assert with_advisories(log, []).judged
    made_up = with_advisories(log, [listed("A")])
    assert (made_up.judged, made_up.in_force) == (True, ())
    assert not with_advisories(replace(log, snapshot=None), []).judged


def test_all_or_not_judged(log: ShownLog) -> None:
    """A list with the signed root is read; one that lacks an entry, or has one too many, counts for nothing."""
    whole = listed("A", "B")
    found = with_advisories(signed(log, whole), [listed("A"), whole, listed("A", "B", "C")])
    assert found.judged
    assert [one.id for one in found.in_force] == ["A", "B"]
    for other in (listed("A"), listed("A", "B", "C"), replace(whole, origin=type(LOG)("b.example"))):
        hidden = with_advisories(signed(log, whole), [other])
        assert (hidden.judged, hidden.in_force) == (False, ())


def test_a_statement_that_is_not_shown(log: ShownLog) -> None:
    """What is shown warns; without the rest the log is not judged, and another node's list can bring it."""
    whole = listed("A", "B")
    part = replace(whole, entries=(replace(whole.entries[0], payload=None), whole.entries[1]))
    found = with_advisories(signed(log, whole), [part])
    assert ([one.id for one in found.in_force], found.judged) == (["B"], False)
    assert with_advisories(signed(log, whole), [part, whole]).judged


def test_a_statement_of_another_id(log: ShownLog) -> None:
    """A statement that is listed under another id than it has is not read."""
    whole = listed("A")
    odd = replace(whole, entries=(replace(whole.entries[0], id="Z"),))
    found = with_advisories(signed(log, odd), [odd])
    assert (found.in_force, found.judged) == ((), False)
