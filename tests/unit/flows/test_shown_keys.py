"""The keys that key leaves register: from which leaf to which each may sign, and who handed over to whom."""

from __future__ import annotations

import pytest
from tests.support.leaves import ATTEST, NODE, ORIGIN, OTHER, OWNER, FixedSigner, handed_over, key_leaf

from hanse.errors import BadSignature
from hanse.flows.shown_keys import KeyBook
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.repo import Origin

TIME = 1795334604


def owner(key: FixedSigner, holder: Holder = Holder.OWNER) -> KeyLeaf:
    """Return the leaf that registers a key for the namespace `org`."""
    return key_leaf(key.public, KeyUse.NAMESPACE, namespace="org", holder=holder)


def end(op: KeyOp, key: FixedSigner, use: KeyUse, after: int | None = None) -> KeyLeaf:
    """Return the leaf that retires or distrusts a key."""
    named = "org" if use is KeyUse.NAMESPACE and op is KeyOp.RETIRE else None
    return KeyLeaf(TIME, ORIGIN, op, use, key.public.fingerprint, namespace=named, after=after)


def book(*leaves: KeyLeaf, start: int = 10, distrusted: dict[str, int] | None = None) -> KeyBook:
    """Return the book of leaves at 10, 11 and so on."""
    return KeyBook(ORIGIN, list(enumerate(leaves, start)), distrusted or {})


def test_a_key_signs_after_it_is_registered_and_until_it_is_retired() -> None:
    """Not in the leaf that registers it or before, not for another use, not from its retirement on."""
    found = book(key_leaf(ATTEST.public, KeyUse.ATTEST), end(KeyOp.RETIRE, ATTEST, KeyUse.ATTEST), start=10)
    key = ATTEST.public.fingerprint
    for index in (9, 10, 11, 12):
        with pytest.raises(BadSignature, match="not in force"):
            found.valid(key, index, KeyUse.ATTEST)
    alive = book(key_leaf(ATTEST.public, KeyUse.ATTEST))
    assert alive.valid(key, 11, KeyUse.ATTEST).public == ATTEST.public
    with pytest.raises(BadSignature, match="not shown to be registered"):
        alive.valid(key, 11, KeyUse.REF)
    with pytest.raises(BadSignature, match="not shown to be registered"):
        alive.valid(OTHER.public.fingerprint, 11, KeyUse.ATTEST)


def test_distrust_reaches_back() -> None:
    """What a distrusted key signed after the named index never counted, whoever knows of it and from where."""
    leaves = (key_leaf(ATTEST.public, KeyUse.ATTEST), end(KeyOp.DISTRUST, ATTEST, KeyUse.ATTEST, after=20))
    key = ATTEST.public.fingerprint
    for found in (book(*leaves), book(leaves[0], distrusted={key: 20})):
        assert found.valid(key, 20, KeyUse.ATTEST).public == ATTEST.public
        with pytest.raises(BadSignature, match="distrusted after leaf 20"):
            found.valid(key, 21, KeyUse.ATTEST)
        assert found.distrusted == {key: 20}
    earlier = book(*leaves, distrusted={key: 15})
    assert earlier.distrusted == {key: 15}


def test_who_answers_for_a_namespace() -> None:
    """The newest key in force at that leaf; the one before still answers for what came before it."""
    found = KeyBook(ORIGIN, [(10, owner(NODE, Holder.OPERATOR)), (20, handed_over(owner(OWNER), NODE))], {})
    then, now = found.owner("org", 15), found.owner("org")
    assert then is not None
    assert now is not None
    assert (then.public, then.holder) == (NODE.public, Holder.OPERATOR)
    assert (now.public, now.holder) == (OWNER.public, Holder.OWNER)
    assert found.owner("other") is None
    assert found.owner("org", 10) is None
    assert found.alarms == []
    assert found.operators == {NODE.public.fingerprint}
    assert found.fingerprints == {NODE.public.fingerprint, OWNER.public.fingerprint}


def test_hand_overs_lead_from_key_to_key() -> None:
    """A chain of signatures is followed; a key that nobody before it signed for is an alarm."""
    chain = book(owner(NODE, Holder.OPERATOR), handed_over(owner(OWNER), NODE), handed_over(owner(OTHER), OWNER))
    last = chain.of(KeyUse.NAMESPACE)[-1]
    assert NODE.public.fingerprint in chain.line(last)
    assert ATTEST.public.fingerprint not in chain.line(last)
    taken = book(owner(NODE, Holder.OPERATOR), owner(OWNER))
    assert not taken.line(taken.of(KeyUse.NAMESPACE)[-1])
    assert taken.alarms == ["leaf 11 of models.example.org adds a namespace key that no earlier one signed for"]


def test_a_hand_over_by_a_distrusted_key_is_void() -> None:
    """The heir of a thief is nobody: neither is his key registered, nor does the old one end."""
    distrust = end(KeyOp.DISTRUST, NODE, KeyUse.NAMESPACE, after=10)
    found = book(owner(NODE, Holder.OPERATOR), handed_over(owner(OWNER), NODE), distrust)
    assert [one.public for one in found.of(KeyUse.NAMESPACE)] == [NODE.public]
    assert "does not count" in found.alarms[0]


def test_a_hand_over_whose_earlier_key_is_not_shown() -> None:
    """It is registered, but nothing leads to it: only a pin of that key itself helps."""
    found = book(handed_over(owner(OWNER), NODE))
    last = found.of(KeyUse.NAMESPACE)[-1]
    assert (last.by, found.line(last)) == ("", {})


def test_leaves_about_another_log_say_nothing() -> None:
    """A key leaf names the log whose key it is; one that was copied here registers nothing."""
    assert KeyBook(Origin("b.example"), [(10, key_leaf(NODE.public))], {}).fingerprints == frozenset()
