"""Replay of arbitrary honest logs, and of what somebody made of them."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.leaves import MAIN, NODE, ORIGIN, OWNER, SALT
from tests.support.logs import Log

from hanse.errors import IntegrityError
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.ref_leaf import RepoOp
from hanse.model.repo import RepoType
from hanse.tlog.map import MerkleMap, ref_key, ref_value
from hanse.tlog.replay import Replay

SOME = settings(max_examples=40, deadline=None)
NAMES = ("org/a", "org/b", "own/a", "own/b")
REFS = (MAIN, "refs/heads/dev", "refs/tags/v1")
KINDS = ("ref", "ref", "ref", "sign", "rename", "end", "hidden", "snapshot")
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 3)), max_size=25)


def honest(steps: list[tuple[str, int, int]]) -> Log:
    """Return the log of a node that does these things, as far as they can be done; it ends in a snapshot."""
    log, live, waiting = Log(), set[str](), []
    log.key()
    log.key(NODE, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    log.key(OWNER, KeyUse.NAMESPACE, namespace="own", holder=Holder.OWNER)
    for number, (what, first, second) in enumerate(steps):
        name, other = NAMES[first], NAMES[second]
        if what == "snapshot":
            log.snapshot()
        elif what == "hidden":
            log.ref(number, name, REFS[second % 3], salt=SALT)
        elif name not in live:
            log.repo(repo=name)
            live.add(name)
        elif what == "ref":
            waiting.append(log.ref(number, name, REFS[second % 3]))
        elif what == "sign" and waiting:
            log.position(waiting.pop(second % len(waiting)))
        elif what == "end":
            log.repo(RepoOp.DELETE, name)
            live.remove(name)
        elif what == "rename" and other not in live:
            log.repo(RepoOp.RENAME, name, other)
            live.add(other)
            live.remove(name)
    log.snapshot()
    return log


@SOME
@given(STEPS)
def test_an_honest_log_replays(steps: list[tuple[str, int, int]]) -> None:
    """The map of refs is exactly the map of the positions told, and every step of the way can be taken alone."""
    log = honest(steps)
    replay = Replay.start(ORIGIN)
    for leaf in log.leaves:
        replay.append([leaf])
    pairs = [
        (ref_key(one.origin, one.type, one.repo, one.ref), ref_value(one.seq, one.rev, one.tree)) for one in replay.positions()
    ]
    assert MerkleMap.empty().apply(pairs).root == replay.refs.root == log.replay().refs.root
    assert replay.covered
    assert replay.alarms == ()
    for repo in (NAMES[2], NAMES[3]):
        shown = replay.position(RepoType.MODEL, repo, MAIN)
        assert shown is None or shown.key == OWNER.public.fingerprint


@SOME
@given(STEPS, st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(("drop", "double", "swap", "move", "flip")))
def test_a_log_that_was_tampered_with_is_refused_or_says_the_same(
    steps: list[tuple[str, int, int]], first: int, second: int, how: str
) -> None:
    """Leaves left out, doubled, exchanged, moved or altered: the replay refuses, or the change made no difference to the map."""
    log = honest(steps)
    leaves, a, b = list(log.leaves), first % len(log.leaves), second % len(log.leaves)
    if how == "drop":
        del leaves[a]
    elif how == "double":
        leaves.insert(b, leaves[a])
    elif how == "swap":
        leaves[a], leaves[b] = leaves[b], leaves[a]
    elif how == "move":
        leaves.insert(b, leaves.pop(a))
    else:
        data = bytearray(leaves[a])
        data[b % len(data)] ^= 1
        leaves[a] = bytes(data)
    if log.leaves[-1] not in leaves:
        return
    with contextlib.suppress(IntegrityError):
        tampered = Log(leaves=leaves).replay()
        at = len(leaves) - 1 - leaves[::-1].index(log.leaves[-1])
        assert Log(leaves=leaves[: at + 1]).replay().refs.root == log.replay().refs.root
        assert tampered.frontier != log.replay().frontier or leaves == log.leaves
