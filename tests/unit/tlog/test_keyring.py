"""Keys of a log: registered once, for one use, from and to a leaf; changes without a hand-over raise an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.support.leaves import ATTEST, NODE, ORIGIN, OTHER, OWNER, FixedSigner, ed25519, handed_over, key_leaf

from hanse.errors import BadProof, BadSignature, IntegrityError, TooLarge
from hanse.model.alarm import Alarm, AlarmKind
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin
from hanse.tlog.keyring import MAX_DISTRUSTS, MAX_TENURES, Keyring

REF = key_leaf(NODE.public)
SECOND = key_leaf(OTHER.public)


def owned(signer: FixedSigner = OWNER, holder: Holder = Holder.OWNER, namespace: str = "org") -> KeyLeaf:
    """Return the leaf that adds the key of a namespace."""
    return key_leaf(signer.public, KeyUse.NAMESPACE, namespace=namespace, holder=holder)


def retire(leaf: KeyLeaf) -> KeyLeaf:
    """Return the leaf that retires a key."""
    return replace(leaf, op=KeyOp.RETIRE, spki="", holder=None)


def distrust(leaf: KeyLeaf, after: int) -> KeyLeaf:
    """Return the leaf that distrusts a key after a leaf."""
    return replace(leaf, op=KeyOp.DISTRUST, spki="", holder=None, namespace=None, after=after)


def ring_of(leaves: Sequence[KeyLeaf], start: int = 0) -> tuple[Keyring, list[Alarm]]:
    """Return the registry after key leaves at successive indexes, and the alarms."""
    ring, alarms = Keyring(ORIGIN), []
    for index, leaf in enumerate(leaves, start):
        change = ring.apply(leaf, index, encode_leaf(leaf))
        ring = change.keys
        alarms += [] if change.alarm is None else [change.alarm]
    return ring, alarms


def counts(ring: Keyring, signer: FixedSigner, use: KeyUse = KeyUse.REF, namespace: str = "") -> list[int]:
    """Return the indexes below 20 at which a key counts."""
    return [index for index in range(20) if ring.find(signer.public.fingerprint, use, index, namespace) is not None]


def test_a_key_counts_after_its_leaf() -> None:
    """Not before it, not at it, and not for another use or namespace."""
    ring, alarms = ring_of([REF], 3)
    assert counts(ring, NODE) == list(range(4, 20))
    assert counts(ring, NODE, KeyUse.ATTEST) == counts(ring, NODE, KeyUse.NAMESPACE, "org") == counts(ring, OTHER) == []
    assert alarms == []
    assert ring.require(NODE.public.fingerprint, KeyUse.REF, 4) == NODE.public
    with pytest.raises(BadSignature):
        ring.require(NODE.public.fingerprint, KeyUse.REF, 3)


def test_a_retired_key_counts_until_then() -> None:
    """What it signed before stays signed."""
    ring, _ = ring_of([REF])
    ring = ring.apply(retire(REF), 10, b"").keys
    assert counts(ring, NODE) == list(range(1, 10))


def test_a_distrusted_key_counts_until_the_leaf_named() -> None:
    """Distrust reaches back to the leaf it names, moves only backwards, and is for all uses."""
    ring, _ = ring_of([REF, owned(NODE, Holder.OPERATOR)])
    ring = ring.apply(distrust(REF, 7), 15, b"").keys
    assert counts(ring, NODE) == list(range(1, 8))
    assert counts(ring, NODE, KeyUse.NAMESPACE, "org") == list(range(2, 8))
    ring = ring.apply(distrust(REF, 4), 16, b"").keys
    assert counts(ring, NODE) == list(range(1, 5))
    for after in (4, 9):
        with pytest.raises(BadProof):
            ring.apply(distrust(REF, after), 17, b"")


def test_a_hand_over_ends_the_keys_before() -> None:
    """After a transfer only the new key counts, and there is no alarm."""
    ring, alarms = ring_of([owned(), handed_over(owned(OTHER), OWNER)])
    assert counts(ring, OWNER, KeyUse.NAMESPACE, "org") == []
    assert counts(ring, OTHER, KeyUse.NAMESPACE, "org") == list(range(2, 20))
    assert alarms == []
    assert ring.unsigned_change("org") is None
    assert [tenure.by for tenure in ring.tenures(KeyUse.NAMESPACE, "org")] == ["", OWNER.public.fingerprint]


def test_a_key_may_vouch_for_one_more() -> None:
    """An add signed by an earlier key leaves both, without alarm; so a spare can be laid by."""
    ring, alarms = ring_of([REF, handed_over(SECOND, NODE, KeyOp.ADD)])
    assert counts(ring, NODE)[-1] == counts(ring, OTHER)[-1] == 19
    assert alarms == []


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [(owned(), owned(OTHER), AlarmKind.OWNER_CHANGE), (REF, SECOND, AlarmKind.KEY_CHANGE)],
)
def test_a_new_key_without_hand_over_raises_an_alarm(ended: bool, first: KeyLeaf, second: KeyLeaf, kind: AlarmKind) -> None:
    """It counts, but everybody sees the leaf; retiring the earlier key first does not help."""
    leaves = [first, *([retire(first)] if ended else []), second]
    ring, alarms = ring_of(leaves)
    assert [(alarm.kind, alarm.index, alarm.evidence) for alarm in alarms] == [
        (kind, len(leaves) - 1, (encode_leaf(second),)),
    ]
    assert alarms[0].namespace == (first.namespace or "")
    assert counts(ring, OTHER, first.use, first.namespace or "")
    if first.namespace:
        assert ring.unsigned_change(first.namespace) == len(leaves) - 1


def test_an_operator_cannot_quietly_take_what_the_owner_holds() -> None:
    """The operator's key for an owner-held namespace raises the alarm, the other way round too."""
    for leaves in ([owned(), owned(NODE, Holder.OPERATOR)], [owned(NODE, Holder.OPERATOR), owned()]):
        ring, alarms = ring_of(leaves)
        assert [alarm.kind for alarm in alarms] == [AlarmKind.OWNER_CHANGE]
        assert ring.holder("org") is leaves[-1].holder


@pytest.mark.parametrize(
    ("leaves", "error"),
    [
        ([REF, REF], BadProof),
        ([REF, retire(REF), REF], BadProof),
        ([REF, retire(REF), retire(REF)], BadProof),
        ([retire(REF)], BadProof),
        ([REF, replace(retire(REF), use=KeyUse.ATTEST)], BadProof),
        ([distrust(REF, 0)], BadProof),
        ([REF, distrust(REF, 1)], BadProof),
        ([REF, replace(distrust(REF, 0), use=KeyUse.ATTEST)], BadProof),
        ([REF, distrust(REF, 0), owned(NODE, Holder.OPERATOR)], BadProof),
        ([handed_over(SECOND, NODE)], BadSignature),
        ([REF, handed_over(key_leaf(ATTEST.public), OTHER)], BadSignature),
        ([REF, replace(handed_over(SECOND, NODE), time=0)], BadSignature),
        ([REF, replace(handed_over(SECOND, OWNER), by=NODE.public.fingerprint)], BadSignature),
        ([REF, retire(REF), handed_over(SECOND, NODE)], BadSignature),
        ([REF, distrust(REF, 0), handed_over(SECOND, NODE)], BadSignature),
        ([owned(), handed_over(owned(OTHER, namespace="other"), OWNER)], BadSignature),
        ([REF, key_leaf(NODE.public, KeyUse.ATTEST)], BadProof),
        ([key_leaf(ed25519(1), KeyUse.LOG), key_leaf(ed25519(1), KeyUse.WITNESS)], BadProof),
        ([key_leaf(ed25519(1), KeyUse.WITNESS), key_leaf(ed25519(1), KeyUse.MIRROR)], BadProof),
        ([REF, owned(NODE, Holder.OWNER)], BadProof),
        ([owned(NODE, Holder.OWNER), REF], BadProof),
    ],
)
def test_what_is_against_the_rules_is_refused(leaves: list[KeyLeaf], error: type[IntegrityError]) -> None:
    """Doubles, revived keys, hand-overs by others, second uses, and ends of what never was."""
    ring_of(leaves[:-1])
    with pytest.raises(error):
        ring_of(leaves)


def test_an_old_hand_over_cannot_be_replayed() -> None:
    """A key that was handed on does not come back by the leaf that once handed it over."""
    first = handed_over(owned(OTHER), OWNER)
    leaves = [owned(), first, handed_over(owned(ATTEST), OTHER)]
    for again in (first, owned()):
        with pytest.raises(BadProof):
            ring_of([*leaves, again])


def test_keys_of_another_log_change_nothing() -> None:
    """A leaf with another origin is carried along."""
    ring, alarms = ring_of([REF, replace(SECOND, origin=Origin("other.example.org"))])
    assert counts(ring, OTHER) == []
    assert alarms == []


def test_one_node_key_may_serve_many_namespaces() -> None:
    """The operator's key is registered for each, and counts for these only."""
    ring, alarms = ring_of([REF, owned(NODE, Holder.OPERATOR, "a"), owned(NODE, Holder.OPERATOR, "b")])
    assert counts(ring, NODE, KeyUse.NAMESPACE, "b") == list(range(3, 20))
    assert counts(ring, NODE, KeyUse.NAMESPACE, "c") == []
    assert alarms == []


def test_keys_and_distrust_are_bounded() -> None:
    """One use takes so many keys, one key so many distrusts, and no more."""
    ring = Keyring(ORIGIN)
    for number in range(MAX_TENURES):
        ring = ring.apply(key_leaf(FixedSigner(number + 10).public), number, b"").keys
    with pytest.raises(TooLarge):
        ring.apply(REF, MAX_TENURES, b"")
    ring, _ = ring_of([REF])
    for number in range(MAX_DISTRUSTS):
        ring = ring.apply(distrust(REF, 50 - number), 100 + number, b"").keys
    with pytest.raises(TooLarge):
        ring.apply(distrust(REF, 1), 200, b"")


def test_what_a_stolen_key_vouched_for_never_counted() -> None:
    """The thief's own key, and the one that this vouched for, go with it; what was vouched for before stays."""
    spare, his, next_one = (FixedSigner(number) for number in (20, 21, 22))
    ring, _ = ring_of(
        [
            REF,
            handed_over(key_leaf(spare.public), NODE, KeyOp.ADD),
            handed_over(key_leaf(his.public), NODE, KeyOp.ADD),
            handed_over(key_leaf(next_one.public), his, KeyOp.ADD),
        ]
    )
    change = ring.apply(distrust(REF, 1), 4, b"")
    assert [counts(change.keys, one) for one in (his, next_one)] == [[], []]
    assert counts(change.keys, spare) == list(range(2, 20))
    assert [(lost.key, lost.after) for lost in change.lost] == [
        (NODE.public.fingerprint, 1),
        (his.public.fingerprint, 2),
        (next_one.public.fingerprint, 3),
    ]


def test_a_stolen_key_harms_no_other_scope() -> None:
    """A key that it vouched for in one namespace counts where others vouch for it, or nobody needed to."""
    ring, _ = ring_of([REF, owned(), handed_over(owned(NODE, Holder.OPERATOR), OWNER, KeyOp.ADD)])
    ring = ring.apply(distrust(owned(), 1), 3, b"").keys
    assert counts(ring, NODE, KeyUse.NAMESPACE, "org") == []
    assert counts(ring, NODE) == list(range(1, 20))
