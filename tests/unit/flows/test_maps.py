"""The sequencer's quick maps against the full rules of replay."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_replay import STEPS, honest
from tests.support.leaves import ATTEST, MAIN, NODE, ORIGIN, OWNER, TIME, FixedSigner
from tests.support.logs import Log, operator_log, owner_log

from hanse.errors import BadFormat
from hanse.flows.maps import Maps
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RepoOp
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.tlog.replay import Replay


def _compare(log: Log, step: int) -> Maps:
    """Feed a log in batches of `step` leaves; after each the roots must be those of the replay, or it takes something back."""
    maps, replay = Maps(ORIGIN), Replay.start(ORIGIN)
    for at in range(0, len(log.leaves), step):
        batch = log.leaves[at : at + step]
        change = maps.begin()
        change.add(batch)
        replay.append(batch)
        if change.takes_back:
            maps = Maps.of(replay)
        else:
            maps.apply(change)
        assert maps.now.roots == (replay.refs.root, replay.advisories.root), f"after leaf {at + len(batch)}"
    return maps


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 7))
def test_any_honest_log_comes_to_the_same_maps(steps: list[tuple[str, int, int]], step: int) -> None:
    """Refs in clear and concealed, renamed, deleted, waiting for an owner: the quick way and the full rules agree."""
    maps = _compare(honest(steps), step)
    again = Maps.of(honest(steps).replay())
    assert (again.now.roots, again.hidden) == (maps.now.roots, maps.hidden)
    assert {place: set(names) for place, names in again.names.items()} == {
        place: set(names) for place, names in maps.names.items()
    }


@pytest.mark.parametrize("step", [1, 3])
def test_names_that_change_between_owner_and_operator(step: int) -> None:
    """A repository moved into or out of a namespace that its owner holds shows nothing before it is signed there."""
    log = owner_log()
    log.key(NODE, KeyUse.NAMESPACE, namespace="ours", holder=Holder.OPERATOR)
    first = log.ref(1)
    log.ref(2)
    log.position(first)
    log.repo(RepoOp.TRANSFER, "org/name", "ours/name")
    log.repo(RepoOp.TRANSFER, "ours/name", "org/back")
    log.snapshot()
    log.position(log.ref(3, "org/back"))
    log.repo(RepoOp.RENAME, "org/back", "org/again")
    log.repo(RepoOp.TRANSFER, "org/again", "ours/last")
    log.ref(4, "ours/last")
    log.repo(RepoOp.TRANSFER, "ours/last", "org/end")
    for number in range(300):
        log.ref(number, "org/end")
    _compare(log, step)


def _key_op(op: KeyOp, namespace: str | None, signer: FixedSigner = OWNER, after: int | None = None) -> KeyLeaf:
    use = KeyUse.NAMESPACE if signer is OWNER else KeyUse.REF
    return KeyLeaf(TIME, ORIGIN, op, use, signer.public.fingerprint, namespace=namespace, after=after)


def test_an_owner_who_lost_his_key_shows_nothing_more() -> None:
    """What a retired key of an owner signs is not shown; what a distrusted one signed is taken back."""
    log = owner_log()
    log.position(log.ref(1))
    late = log.ref(2)
    log.add(_key_op(KeyOp.RETIRE, "org"))
    log.position(late)
    _compare(log, 1)
    log.add(_key_op(KeyOp.DISTRUST, None, after=2))
    maps = _compare(log, 2)
    assert len(maps.now.refs) == 0
    log.repo(RepoOp.DELETE)
    _compare(log, 1)


def test_a_distrusted_key_of_the_node_takes_refs_back() -> None:
    """What the node's stolen key signed after a leaf leaves the map."""
    log = operator_log()
    count = len(log.leaves)
    log.ref(2)
    log.add(_key_op(KeyOp.DISTRUST, None, NODE, after=count - 1))
    assert len(_compare(log, 1).now.refs) == 0


def test_advisories_come_and_go() -> None:
    """Publishing puts an advisory into its map, again replaces it, retracting takes it out."""
    log = Log()
    log.key(ATTEST, KeyUse.ATTEST)
    for op in (AdvisoryOp.PUBLISH, AdvisoryOp.PUBLISH, AdvisoryOp.RETRACT):
        payload = Payload(Sha256(f"{len(log.leaves)}" * 64), 9)
        log.add(AdvisoryLeaf(TIME, "A-1", op, payload, ATTEST.public.fingerprint, ATTEST.sign64(b"any")))
    assert len(_compare(Log(leaves=log.leaves[:3]), 1).now.advisories) == 1
    assert len(_compare(log, 2).now.advisories) == 0


def test_what_is_no_leaf_is_refused() -> None:
    """Bytes that are no leaf cannot be taken in; leaves of other versions and kinds change nothing."""
    for data in (b"", b"{}", b"[]", b'{"v":1}', b'{"v":"1","kind":"ref"}'):
        with pytest.raises(BadFormat):
            Maps(ORIGIN).begin().add([data])
    change = Maps(ORIGIN).begin()
    change.add([b'{"v":2,"kind":"ref","repo":"a/b"}', b'{"v":1,"kind":"later","must":true}'])
    assert change.result().roots == Maps(ORIGIN).now.roots


def test_a_change_that_is_dropped_leaves_no_trace() -> None:
    """Until a change is applied the maps stay as they are, whatever it did."""
    log = operator_log()
    maps = _compare(log, 1)
    before = (maps.now.roots, dict(maps.names), dict(maps.hidden))
    log.repo(RepoOp.RENAME, "org/name", "org/other")
    for number in random.Random(1).sample(range(100), 20):
        log.ref(number, "org/other", MAIN)
    change = maps.begin()
    change.add(log.leaves[5:])
    assert change.result().roots != before[0]
    assert (maps.now.roots, maps.names, maps.hidden) == before
