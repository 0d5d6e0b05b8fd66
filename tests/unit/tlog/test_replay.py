"""Replay as a whole: snapshots, kinds that are not known, advisories, and that a refused leaf leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.leaves import ADVISORY, ATTEST, ATTESTED, MAIN, MEMBER, NODE, ORIGIN, OTHER, TIME, WITHDRAWN, fields
from tests.support.logs import REPO, Log, operator_log, rev

from hanse.errors import BadProof, BadSignature, IntegrityError
from hanse.model.canonical import canonical
from hanse.model.digest import NO_SHA256, Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import encode_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RepoOp
from hanse.model.repo import Origin, RepoType
from hanse.model.trust_leaf import AdvisoryOp
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value, ref_key, ref_value
from hanse.tlog.mapproof import verify_absence, verify_inclusion
from hanse.tlog.replay import MAX_ALARMS, Replay

UNKNOWN: dict[str, Any] = {"v": 1, "kind": "later", "must": True, "time": "2026-11-22T08:03:24Z"}
NAMED = UNKNOWN | {"origin": ORIGIN, "type": "model", "repo": REPO}


def test_an_empty_log_has_empty_maps() -> None:
    """Nothing is there, nothing is to be snapshot, and the root is that of no leaves."""
    replay = Replay.start(ORIGIN)
    assert (replay.size, replay.origin, replay.snapshot_index) == (0, ORIGIN, None)
    assert replay.refs.root == replay.advisories.root == bytes(32)
    assert replay.frontier == Frontier()
    assert replay.covered
    assert replay.understood
    assert replay.position(RepoType.MODEL, REPO, MAIN) is None


def test_maps_prove_what_is_latest_and_what_is_not_there() -> None:
    """A proof from the map of refs verifies against the root in the snapshot leaf, for a ref and for a name without one."""
    log = operator_log()
    log.snapshot()
    replay = log.replay()
    root = replay.refs.root
    key, absent = (ref_key(ORIGIN, RepoType.MODEL, repo, MAIN) for repo in (REPO, "org/none"))
    found = replay.position(RepoType.MODEL, "Org/Name", MAIN)
    assert found is not None
    verify_inclusion(root, key, ref_value(found.seq, found.rev, found.tree), replay.refs.prove(key))
    verify_absence(root, absent, replay.refs.prove(absent))
    assert root.hex().encode() in log.leaves[-1]


def test_the_root_is_that_of_the_leaves() -> None:
    """The frontier is the one that a log of these leaves has."""
    log = operator_log()
    assert log.replay().frontier == Frontier().append(map(leaf_hash, log.leaves))


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_the_result_does_not_depend_on_batches(step: int) -> None:
    """Leaf by leaf or all at once, snapshots included, gives the same."""
    log = operator_log()
    log.snapshot()
    log.ref(2)
    log.repo(RepoOp.RENAME, to="org/new")
    log.snapshot()
    replay = Replay.start(ORIGIN)
    for start in range(0, len(log.leaves), step):
        replay.append(log.leaves[start : start + step])
    whole = log.replay()
    assert set(replay.positions()) == set(whole.positions())
    assert (replay.refs.root, replay.frontier, replay.snapshot_index) == (whole.refs.root, whole.frontier, whole.snapshot_index)


def test_a_snapshot_covers_until_something_changes() -> None:
    """What changes neither map needs none; a new position does."""
    log = operator_log()
    assert not log.replay().covered
    log.snapshot()
    assert (log.replay().covered, log.replay().snapshot_index) == (True, len(log.leaves) - 1)
    for leaf in (ATTESTED, WITHDRAWN, MEMBER):
        log.add(leaf)
    assert log.replay().covered
    log.ref(2)
    assert not log.replay().covered


@pytest.mark.parametrize("name", ["refs", "advisories"])
def test_a_false_snapshot_is_refused(name: str) -> None:
    """A map that omits or adds anything has another root than the replay."""
    log = operator_log()
    true = log.replay().snapshot(TIME)
    for root in (Sha256("ab" * 32), NO_SHA256 if name == "refs" else Sha256("cd" * 32)):
        false = replace(true, refs=root) if name == "refs" else replace(true, advisories=root)
        with pytest.raises(BadProof, match=name):
            log.replay().append([encode_leaf(false)])


def test_an_old_snapshot_again_is_refused() -> None:
    """A snapshot that was true is false after the next change."""
    log = operator_log()
    old = log.snapshot()
    log.ref(2)
    with pytest.raises(BadProof):
        log.replay().append([old])


def test_the_log_of_another_origin_is_refused() -> None:
    """Whoever serves one member's leaves as another's is found at the first ref, and never gains keys by them."""
    log = operator_log()
    other = Replay.start(Origin("other.example.org"))
    with pytest.raises(BadProof):
        other.append(log.leaves)
    other.append(log.leaves[:3])
    assert other.key(NODE.public.fingerprint) is None


def test_a_refused_leaf_leaves_no_trace() -> None:
    """A batch is taken in whole or not at all, and the replay goes on from where it was."""
    log = operator_log()
    replay = log.replay()
    good = encode_leaf(log.next_ref(2))
    with pytest.raises(BadProof):
        replay.append([good, log.repo()])
    assert replay.size == len(log.leaves) - 1
    replay.append([good])
    found = replay.position(RepoType.MODEL, REPO, MAIN)
    assert found is not None
    assert found.rev == rev(2)


def test_a_clone_goes_on_by_itself() -> None:
    """What one of them takes in does not show in the other."""
    log = operator_log()
    replay = log.replay()
    clone = replay.clone()
    clone.append([encode_leaf(log.next_ref(2))])
    assert (replay.size + 1, replay.covered) == (clone.size, False)
    assert replay.refs.root != clone.refs.root
    replay.append([encode_leaf(log.next_ref(3))])
    for one, number in ((replay, 3), (clone, 2)):
        found = one.position(RepoType.MODEL, REPO, MAIN)
        assert found is not None
        assert found.rev == rev(number)


@pytest.mark.parametrize("data", [b"", b"{}", b"no json", canonical(fields() | {"extra": 1}), b"x" * 70_000])
def test_what_is_no_leaf_is_refused(data: bytes) -> None:
    """Bytes that do not parse, and known kinds with other fields, are the log's fault: a lie, not an input error."""
    with pytest.raises(BadProof, match="cannot be read"):
        operator_log().replay().append([data])


def test_unknown_kinds_that_may_be_passed_over_are() -> None:
    """They count as leaves and change nothing."""
    log = operator_log()
    log.add(canonical(UNKNOWN | {"must": False}))
    log.add(canonical(fields() | {"v": 2, "must": False}))
    log.snapshot()
    replay = log.replay()
    assert replay.understood
    assert not replay.undecidable(ORIGIN, "model", REPO)
    assert replay.size == len(log.leaves)


@pytest.mark.parametrize("leaf", [NAMED, NAMED | {"v": 2, "kind": "ref", "repo": "Org/Name"}])
def test_an_unknown_kind_makes_its_repository_undecidable(leaf: dict[str, Any]) -> None:
    """Nothing more is judged there, in whatever spelling and after a rename; other repositories go on."""
    log = operator_log()
    log.repo(repo="org/other")
    log.ref(1, "org/other")
    log.add(canonical(leaf))
    log.add(encode_leaf(log.next_ref(9)).replace(b'"seq":2', b'"seq":7'))
    log.repo(RepoOp.RENAME, to="org/new")
    log.ref(2, "org/other")
    replay = log.replay()
    assert [replay.undecidable(ORIGIN, "model", repo) for repo in (REPO, "ORG/NAME", "org/new", "org/other")] == [True] * 3 + [
        False
    ]
    assert not replay.undecidable(ORIGIN, "dataset", REPO)
    assert not replay.understood
    found = replay.position(RepoType.MODEL, "org/other", MAIN)
    assert found is not None
    assert found.seq == 2
    with pytest.raises(BadProof):
        replay.append([encode_leaf(log.next_ref(3, "org/other")).replace(b'"seq":3', b'"seq":7')])


@pytest.mark.parametrize("missing", ["origin", "type", "repo"])
def test_an_unknown_kind_without_a_name_makes_everything_undecidable(missing: str) -> None:
    """Also if only one part of the name is missing; what follows is counted and not judged."""
    log = operator_log()
    log.add(canonical({name: value for name, value in NAMED.items() if name != missing}))
    log.add(encode_leaf(log.next_ref(9)).replace(b'"seq":2', b'"seq":7'))
    replay = log.replay()
    assert replay.undecidable("any.example.org", "model", "any/thing")
    assert not replay.understood
    assert replay.size == len(log.leaves)


def test_a_snapshot_after_an_unknown_kind_is_no_proof_of_a_lie() -> None:
    """What is not understood may have changed the maps, so a difference makes everything undecidable instead."""
    log = operator_log()
    log.add(canonical(NAMED))
    same = log.replay()
    same.append([encode_leaf(same.snapshot(TIME))])
    assert not same.undecidable(ORIGIN, "model", "org/other")
    other = log.replay()
    other.append([encode_leaf(replace(other.snapshot(TIME), refs=Sha256("ab" * 32)))])
    assert other.undecidable(ORIGIN, "model", "org/other")
    other.append([encode_leaf(other.snapshot(TIME))])
    assert other.undecidable(ORIGIN, "model", "org/other")


def test_advisories_are_in_their_map_while_in_force() -> None:
    """Published, published anew, and retracted; the other map does not change."""
    log = operator_log()
    log.add(ADVISORY)
    newer = replace(ADVISORY, payload=Payload(Sha256("99" * 32), 10))
    for leaf, payload in ((None, ADVISORY.payload.sha256), (newer, newer.payload.sha256)):
        if leaf is not None:
            log.add(leaf)
        replay = log.replay()
        assert replay.advisory(ADVISORY.id) == payload
        expected = MerkleMap.empty().apply([(advisory_key(ADVISORY.id), advisory_value(payload))])
        assert replay.advisories.root == expected.root
        assert not replay.covered
    log.add(replace(ADVISORY, op=AdvisoryOp.RETRACT))
    replay = log.replay()
    assert (replay.advisories.root, replay.advisory(ADVISORY.id)) == (bytes(32), None)
    with pytest.raises(BadProof):
        replay.append([encode_leaf(replace(ADVISORY, op=AdvisoryOp.RETRACT))])


def test_advisories_are_signed_by_the_attest_key() -> None:
    """A key that is not registered for statements publishes none, and a distrusted one's later ones are gone."""
    log = operator_log()
    for key in (OTHER, NODE):
        with pytest.raises(BadSignature):
            log.replay().append([encode_leaf(replace(ADVISORY, key=key.public.fingerprint))])
    log.add(ADVISORY)
    log.add(replace(ADVISORY, id="HANSE-2026-0002"))
    index = len(log.leaves) - 2
    log.add(KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.ATTEST, ATTEST.public.fingerprint, after=index))
    replay = log.replay()
    assert (replay.advisory(ADVISORY.id), replay.advisory("HANSE-2026-0002")) == (ADVISORY.payload.sha256, None)
    assert len(replay.advisories) == 1


def test_alarms_are_collected_and_bounded() -> None:
    """An owner change without hand-over is an alarm with the leaf as evidence, not an error; of very many the newest are kept."""
    log = Log()
    for number in range(MAX_ALARMS + 3):
        log.key(NODE, KeyUse.NAMESPACE, namespace=f"n{number}", holder=Holder.OPERATOR)
        log.key(OTHER, KeyUse.NAMESPACE, namespace=f"n{number}", holder=Holder.OPERATOR)
    replay = log.replay()
    assert len(replay.alarms) == MAX_ALARMS
    assert (replay.alarms[-1].evidence, replay.alarms[-1].index) == ((log.leaves[-1],), len(log.leaves) - 1)
    assert replay.alarms[0].namespace == "n3"
    assert replay.keyring.unsigned_change("n0") == 1


def test_errors_name_the_leaf_and_the_log() -> None:
    """Whoever reads the message finds the leaf."""
    log = operator_log()
    with pytest.raises(IntegrityError, match=f"leaf {len(log.leaves)} of {ORIGIN}"):
        log.replay().append([log.leaves[-1]])
