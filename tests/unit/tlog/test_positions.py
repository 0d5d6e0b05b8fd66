"""Positions in namespaces that their owner holds, and what a stolen key leaves behind."""

from __future__ import annotations

from dataclasses import replace

from tests.support.leaves import MAIN, NODE, ORIGIN, OTHER, OWNER, SALT, TIME, handed_over, key_leaf, position_leaf
from tests.support.logs import REPO, operator_log, owner_log, refused, rev, shown, tree

from hanse.errors import BadSignature
from hanse.model.alarm import AlarmKind
from hanse.model.conceal import conceal
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import encode_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RepoOp
from hanse.model.repo import RefName, RepoType
from hanse.tlog.chains import MAX_WAITING

NEW = "org/new"
ELSEWHERE = "other/name"


def test_an_owners_position_is_shown_once_he_signed() -> None:
    """Until then the map keeps the last one that he signed; the newest is known, too."""
    log = owner_log()
    first = log.ref(1)
    replay = log.replay()
    assert shown(replay) is None
    newest = replay.newest(RepoType.MODEL, REPO, MAIN)
    assert newest is not None
    assert newest.seq == 1
    log.position(first)
    second = log.ref(2)
    assert shown(log.replay()) == (1, rev(1))
    log.ref(3)
    log.position(second)
    replay = log.replay()
    assert shown(replay) == (2, rev(2))
    found = replay.position(RepoType.MODEL, REPO, MAIN)
    assert found is not None
    assert (found.key, found.index, found.by) == (OWNER.public.fingerprint, 5, 7)


def test_an_owner_may_sign_what_waits_in_any_order_but_never_back() -> None:
    """A signature over a later position is not undone by a late one over an earlier position, nor by a second one."""
    log = owner_log()
    first, second = log.ref(1), log.ref(2)
    log.position(second)
    log.position(first)
    log.position(second)
    assert shown(log.replay()) == (2, rev(2))
    assert log.replay().alarms == ()


def test_only_the_owner_shows_a_position() -> None:
    """The node, a stranger, and the owner of another namespace sign without effect; the same leaf with another's name fails."""
    log = owner_log()
    leaf = log.ref(1)
    log.key(OTHER, KeyUse.NAMESPACE, namespace="other", holder=Holder.OWNER)
    log.position(leaf, NODE)
    log.position(leaf, OTHER)
    assert shown(log.replay()) is None
    refused(log, replace(position_leaf(leaf, OTHER), key=OWNER.public.fingerprint), BadSignature)


def test_a_signature_is_for_one_position_only() -> None:
    """A leaf whose statement is not that of its position is refused, as is a signature over another one."""
    log = owner_log()
    leaf = log.ref(1)
    made = position_leaf(leaf)
    refused(log, replace(made, payload=Payload(Sha256("ab" * 32), made.payload.size)))
    other = position_leaf(replace(leaf, ref=RefName("refs/heads/dev"), sig=""))
    refused(log, replace(other, sig=made.sig), BadSignature)


def test_an_owner_who_signed_something_else_raises_an_alarm() -> None:
    """Owner and node contradict each other about one position: nothing is shown, and both leaves are kept."""
    log = owner_log()
    leaf = log.ref(1)
    made = log.position(replace(leaf, rev=rev(9), tree=tree(9), sig=""))
    replay = log.replay(earlier=log.leaves.__getitem__)
    assert shown(replay) is None
    (alarm,) = replay.alarms
    assert (alarm.kind, alarm.repo) == (AlarmKind.CONTRADICTION, REPO)
    assert alarm.evidence == (encode_leaf(leaf), encode_leaf(made))


def test_a_position_that_is_not_there_is_not_shown() -> None:
    """One that the log does not have yet, or of a repository that it does not have, has no effect."""
    log = owner_log()
    leaf = log.ref(1)
    log.position(replace(leaf, seq=2, prev=Sha256("ab" * 32), sig=""))
    log.position(replace(leaf, repo="org/missing", sig=""))
    log.add(conceal(position_leaf(leaf), SALT))
    assert shown(log.replay()) is None


def test_many_positions_may_wait_but_not_endlessly() -> None:
    """The newest 256 can be signed; an older one is passed over, and the next signature shows its position."""
    log = owner_log()
    leaves = [log.ref(number) for number in range(MAX_WAITING + 1)]
    log.position(leaves[0])
    assert shown(log.replay()) is None
    log.position(leaves[1])
    assert shown(log.replay()) == (2, rev(1))
    log.position(leaves[-1])
    assert shown(log.replay()) == (MAX_WAITING + 1, rev(MAX_WAITING))


def test_the_node_key_signs_refs_of_an_owners_namespace() -> None:
    """The owner's own key does not replace it."""
    log = owner_log()
    refused(log, log.next_ref(1, by=OWNER), BadSignature)


def test_what_was_shown_stays_when_an_owner_takes_over() -> None:
    """A hand-over to the owner changes nothing by itself; from then on only his signature does."""
    log = operator_log()
    owned = key_leaf(OWNER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.add(handed_over(owned, NODE))
    assert shown(log.replay()) == (1, rev(1))
    leaf = log.ref(2)
    assert shown(log.replay()) == (1, rev(1))
    log.position(leaf)
    replay = log.replay()
    assert shown(replay) == (2, rev(2))
    assert replay.alarms == ()


def test_a_name_moved_to_or_from_an_owner_is_signed_anew() -> None:
    """The owner of the new name signs the newest position under that name; what an operator takes over begins with his next."""
    log = owner_log()
    log.key(NODE, KeyUse.NAMESPACE, namespace="other", holder=Holder.OPERATOR)
    leaf = log.ref(1)
    log.position(leaf)
    log.repo(RepoOp.RENAME, to=NEW)
    assert shown(log.replay(), NEW) is None
    log.position(replace(leaf, repo=NEW, sig=""))
    assert shown(log.replay(), NEW) == (1, rev(1))
    log.repo(RepoOp.TRANSFER, NEW, ELSEWHERE)
    assert shown(log.replay(), ELSEWHERE) is None
    log.ref(2, ELSEWHERE)
    assert shown(log.replay(), ELSEWHERE) == (2, rev(2))


def test_a_stolen_key_is_distrusted_from_a_leaf_on() -> None:
    """What it signed later leaves the map until a key that counts signs the next position; what it signed before stays."""
    log = operator_log()
    log.add(handed_over(key_leaf(OTHER.public), NODE, KeyOp.ADD))
    spare = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    log.add(handed_over(spare, NODE, KeyOp.ADD))
    log.ref(5, ref="refs/tags/v1")
    index = len(log.leaves) - 1
    log.ref(666)
    log.add(replace(key_leaf(NODE.public), op=KeyOp.DISTRUST, spki="", after=index))
    replay = log.replay()
    assert (shown(replay), shown(replay, ref="refs/tags/v1")) == (None, (1, rev(5)))
    refused(log, log.next_ref(667), BadSignature)
    log.ref(1, by=OTHER)
    assert shown(log.replay()) == (3, rev(1))


def test_a_stolen_owner_key_is_distrusted_too() -> None:
    """The map loses what the thief signed, and the owner's spare key signs the newest position again."""
    log = owner_log()
    owned = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.add(handed_over(owned, OWNER, KeyOp.ADD))
    leaf = log.ref(1)
    log.position(leaf)
    log.add(KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.NAMESPACE, OWNER.public.fingerprint, after=4))
    assert shown(log.replay()) is None
    log.position(leaf)
    assert shown(log.replay()) is None
    log.position(leaf, OTHER)
    assert shown(log.replay()) == (1, rev(1))


def test_a_thief_cannot_leave_a_key_behind() -> None:
    """A key that the stolen one vouched for is gone with it, and what it signed, too; the next one raises the alarm."""
    log = operator_log()
    theft = len(log.leaves) - 1
    spare = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    log.add(handed_over(spare, NODE, KeyOp.ADD))
    log.ref(666, by=OTHER)
    assert shown(log.replay()) == (2, rev(666))
    log.add(KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.REF, NODE.public.fingerprint, after=theft))
    assert shown(log.replay()) is None
    refused(log, log.next_ref(667, by=OTHER), BadSignature)
    log.key(OWNER, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    assert [alarm.kind for alarm in log.replay().alarms] == [AlarmKind.OWNER_CHANGE]
