"""A replay that was written down goes on exactly as the one that it came from; whatever is damaged is not read."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.leaves import ADVISORY, ATTEST, DISTRUST, OTHER, OWNER, SALT, handed_over, key_leaf
from tests.support.logs import Log, owner_log

from hanse.errors import BadProof
from hanse.model.key_leaf import Holder, KeyUse
from hanse.tlog import saved
from hanse.tlog.replay import Replay
from hanse.tlog.saved import load, save


def _rich_log() -> Log:
    """Return a log with waiting and shown positions, concealed refs, an empty repository, a hand-over, an alarm, an advisory."""
    log = owner_log()
    first = log.ref(1)
    log.position(first)
    log.ref(2)
    log.repo(repo="org/empty")
    log.repo(repo="org/hidden", salt=SALT)
    log.ref(3, repo="org/hidden", salt=SALT)
    log.key(OTHER, KeyUse.NAMESPACE, namespace="other", holder=Holder.OPERATOR)
    log.key(ATTEST, KeyUse.ATTEST)
    log.add(ADVISORY)
    log.snapshot()
    log.add(b'{"kind":"later","must":true,"origin":"a.example","repo":"a/b","time":"2026-11-22T08:03:24Z","type":"model","v":3}')
    return log


def _known(replay: Replay) -> dict[str, object]:
    """Return all that a replay knows, for comparison."""
    state = replay.state
    keys, tenures, vouched = state.keys.parts()
    return {
        "roots": (state.refs.root, state.advisories.root),
        "small": (state.origin, state.frontier, state.snapshot, state.alarms, state.lost),
        "chains": {(token, ref): chain for token, ref, chain in state.chains.items()},
        "repos": {token for token, _ in state.chains.repos()},
        "keys": (dict(keys.items()), dict(tenures.items()), {key: dict(found.items()) for key, found in vouched.items()}),
        "rest": (dict(state.active.items()), dict(state.unknown.items())),
    }


def test_it_is_the_same_replay() -> None:
    """All that is known is known again, in one part for the chains or in many."""
    replay = _rich_log().replay()
    assert _known(load(save(replay))) == _known(replay)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved, "PART_POSITIONS", 1)
        parts = save(replay)
    assert len(parts) == 3
    assert _known(load(parts)) == _known(replay)


def test_it_goes_on_as_before() -> None:
    """What comes afterwards does the same to both: positions that waited are shown, a distrusted key loses what it signed."""
    log = owner_log()
    waits = log.ref(1)
    early = log.replay()
    log.position(waits)
    second = log.ref(2)
    kept = log.replay()
    log.position(second)
    new = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.add(handed_over(new, OWNER))
    log.add(replace(DISTRUST, use=KeyUse.NAMESPACE, key=OWNER.public.fingerprint, after=early.size))
    for before in (early, kept):
        restored, size = load(save(before)), before.size
        for replay in (before, restored):
            replay.append(log.leaves[size:])
        assert _known(restored) == _known(before) == _known(log.replay())


def test_an_empty_replay_is_written_down_too() -> None:
    """A log without leaves has one part."""
    replay = Log().replay()
    assert len(save(replay)) == 1
    assert _known(load(save(replay))) == _known(replay)


@pytest.mark.parametrize("part", [0, 1])
def test_every_damaged_byte_is_noticed(part: int) -> None:
    """One other bit anywhere, a part missing, doubled or cut: none of it is read."""
    parts = save(_rich_log().replay())
    for at in range(0, len(parts[part]), 7):
        bad = bytearray(parts[part])
        bad[at] ^= 1
        with pytest.raises(BadProof):
            load([*parts[:part], bytes(bad), *parts[part + 1 :]])
    for wrong in ([], parts[:-1], [*parts, parts[-1]], [parts[0], parts[1][:-1]], [parts[0][:31]]):
        with pytest.raises(BadProof):
            load(wrong)


def test_other_rules_and_other_maps_are_refused() -> None:
    """What earlier rules of replay made is not used, nor chains that lead to other maps than those that were written down."""
    one = owner_log()
    one.ref(1, repo="org/name")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved, "VERSION", saved.VERSION + 1)
        newer = save(one.replay())
    with pytest.raises(BadProof):
        load(newer)
    parts = save(_rich_log().replay())
    head = parts[0][32:].replace(_rich_log().replay().refs.root, bytes(32))
    with pytest.raises(BadProof, match="other maps"):
        load([sha256(head).digest() + head, *parts[1:]])
    with pytest.raises(BadProof, match="does not parse"):
        load([sha256(b"\x01").digest() + b"\x01"])
