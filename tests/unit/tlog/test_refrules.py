"""Rules for `repo`, `ref` and `attest` leaves, each with the log that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.leaves import MAIN, NODE, ORIGIN, OTHER, OWNER, SALT, TIME, handed_over, key_leaf, position_leaf, signed
from tests.support.logs import REPO, Log, operator_log, owner_log, rev, tree

from hanse.errors import BadProof, BadSignature, Equivocation, IntegrityError
from hanse.model.alarm import AlarmKind
from hanse.model.conceal import conceal, conceal_value
from hanse.model.digest import NO_GIT_OID, NO_SHA256, Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RefLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RefName, RepoType
from hanse.tlog.chains import MAX_WAITING
from hanse.tlog.map import ref_key, ref_value
from hanse.tlog.replay import Replay

NEW = "org/new"
ELSEWHERE = "other/name"


def at(replay: Replay, repo: str = REPO, ref: str = MAIN) -> tuple[int, str] | None:
    """Return (seq, rev) of what the map has, which must be in the map itself as well."""
    found = replay.position(RepoType.MODEL, repo, ref)
    key = ref_key(ORIGIN, RepoType.MODEL, repo, ref)
    assert replay.refs.get(key) == (None if found is None else ref_value(found.seq, found.rev, found.tree))
    return None if found is None else (found.seq, found.rev)


def refused(log: Log, leaf: object, error: type[IntegrityError] = BadProof) -> None:
    """Fail unless the next leaf is refused, and nothing has changed then."""
    replay = log.replay()
    before = (replay.size, replay.refs.root, list(replay.positions()))
    with pytest.raises(error):
        replay.append([leaf if isinstance(leaf, bytes) else encode_leaf(leaf)])  # type: ignore[arg-type]
    assert (replay.size, replay.refs.root, list(replay.positions())) == before


def test_a_chain_goes_on_leaf_by_leaf() -> None:
    """The map has the newest position, a deleted ref as zeros; the chain goes on when the ref comes back."""
    log = operator_log()
    log.ref(2)
    assert at(log.replay()) == (2, rev(2))
    gone = signed(replace(log.next_ref(3), rev=NO_GIT_OID, tree=NO_SHA256, sig=""))
    log.tips[REPO, MAIN] = (3, leaf_id(log.add(gone)))
    assert at(log.replay()) == (3, NO_GIT_OID)
    log.ref(4)
    assert at(log.replay()) == (4, rev(4))


def test_two_leaves_of_one_position_are_an_equivocation() -> None:
    """Both leaves are the evidence, whether the first came long before or just now."""
    log = operator_log()
    first = log.leaves[-1]
    log.tips.clear()
    second = encode_leaf(log.next_ref(2))
    with pytest.raises(Equivocation) as caught:
        log.replay(earlier=log.leaves.__getitem__).append([second])
    assert caught.value.evidence == (first, second)
    with pytest.raises(Equivocation) as caught:
        Log(leaves=[*log.leaves, second]).replay()
    assert caught.value.evidence == (first, second)
    with pytest.raises(Equivocation) as caught:
        log.replay().append([second])
    assert caught.value.evidence == (second,)


def test_leaves_again_out_of_order_or_left_out_are_refused() -> None:
    """The same leaf twice, a gap, an old position, and another prev break the chain."""
    log = operator_log()
    log.ref(2)
    refused(log, log.leaves[-1])
    refused(log, log.leaves[-2])
    after = log.next_ref(3)
    refused(log, signed(replace(after, seq=4, sig="")))
    refused(log, signed(replace(after, prev=Sha256("ab" * 32), sig="")))
    refused(log, signed(replace(after, seq=1, prev=NO_SHA256, sig="")))


def test_a_first_leaf_has_seq_1() -> None:
    """A chain that nobody saw begin is refused."""
    log = operator_log()
    refused(log, signed(replace(log.next_ref(1, ref="refs/heads/dev"), seq=2, prev=Sha256("ab" * 32), sig="")))


@pytest.mark.parametrize(
    "change",
    [
        lambda leaf: replace(leaf, rev_kind=RevKind.CLAIMED),
        lambda leaf: replace(leaf, origin=Origin("other.example.org")),
        lambda leaf: replace(leaf, repo="org/missing"),
        lambda leaf: replace(leaf, type=RepoType.DATASET),
    ],
)
def test_a_ref_belongs_to_a_repository_of_its_origin(change: Callable[[RefLeaf], RefLeaf]) -> None:
    """This log computes its own refs, claims those of others, and names only repositories that it created."""
    log = operator_log()
    leaf = replace(log.next_ref(1, ref="refs/heads/dev"), sig="")
    refused(log, signed(change(leaf)))


def test_an_observation_is_claimed_and_signed_by_the_node() -> None:
    """The ref of an upstream is in the map under its origin; no repo leaf and no namespace key is needed."""
    log = operator_log()
    upstream = Origin("huggingface.co")
    leaf = replace(log.next_ref(7, "who/ever"), origin=upstream, rev_kind=RevKind.CLAIMED, sig="")
    refused(log, signed(leaf, OTHER), BadSignature)
    log.add(signed(leaf))
    found = log.replay().position(RepoType.MODEL, "Who/Ever", MAIN, upstream)
    assert found is not None
    assert (found.rev, found.origin, found.key) == (rev(7), upstream, NODE.public.fingerprint)


def test_once_there_is_a_key_every_leaf_is_signed() -> None:
    """Leaves from before are logged as they are and continued by signed ones; unsigned ones are refused from the key on."""
    log = Log()
    log.repo()
    old = log.ref(1, by=None)
    assert at(log.replay()) == (1, rev(1))
    log.key()
    log.key(NODE, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    refused(log, log.next_ref(2, by=None), BadSignature)
    leaf = log.ref(1)
    assert leaf.prev == leaf_id(encode_leaf(old))
    assert at(log.replay()) == (2, rev(1))


@pytest.mark.parametrize("by", [OTHER, OWNER])
def test_a_ref_is_signed_by_the_key_of_its_namespace(by: object) -> None:
    """A key that is not registered, is another namespace's, or a signature that is not its, is refused."""
    log = operator_log()
    log.key(OWNER, KeyUse.NAMESPACE, namespace="other", holder=Holder.OPERATOR)
    refused(log, log.next_ref(2, by=by), BadSignature)  # type: ignore[arg-type]
    stolen = replace(log.next_ref(2, by=OTHER), key=NODE.public.fingerprint)
    refused(log, stolen, BadSignature)


def test_a_namespace_without_key_takes_no_signed_ref() -> None:
    """A node's key counts for the namespaces that it is registered for."""
    log = operator_log()
    log.repo(repo=ELSEWHERE)
    refused(log, log.next_ref(1, ELSEWHERE), BadSignature)


def test_own_leaves_are_taken_without_checking_signatures() -> None:
    """A node does not check what it has just signed; everything else is judged as ever."""
    log = operator_log()
    replay = log.replay()
    replay.append_own_unverified([encode_leaf(replace(log.next_ref(2), sig="AAAA"))])
    assert at(replay) == (2, rev(2))
    with pytest.raises(BadSignature):
        replay.append_own_unverified([encode_leaf(log.next_ref(3, ref="refs/heads/x", by=OTHER))])


@pytest.mark.parametrize(
    ("op", "to"),
    [
        (RepoOp.CREATE, None),
        (RepoOp.VISIBILITY, "public"),
        (RepoOp.RENAME, "org/there"),
        (RepoOp.TRANSFER, "org/there"),
    ],
)
def test_a_name_is_taken_once(op: RepoOp, to: str | None) -> None:
    """What is there is neither created, nor made public, nor moved onto something else that is there."""
    log = operator_log()
    log.repo(repo="org/there")
    refused(log, Log().repo(op, to=to))


@pytest.mark.parametrize(
    ("op", "to"),
    [(RepoOp.RENAME, NEW), (RepoOp.TRANSFER, ELSEWHERE), (RepoOp.DELETE, None), (RepoOp.VISIBILITY, "private")],
)
def test_what_is_not_there_does_not_change(op: RepoOp, to: str | None) -> None:
    """A repository that was never created is not renamed, deleted or hidden."""
    refused(operator_log(), Log().repo(op, "org/missing", to))


def test_chains_in_clear_go_along_with_a_new_name() -> None:
    """The map has them under the new name only; seq and prev go on; the old name is free."""
    log = operator_log()
    log.ref(2, ref="refs/tags/v1")
    log.repo(RepoOp.RENAME, to=NEW)
    replay = log.replay()
    assert (at(replay), at(replay, NEW), at(replay, NEW, "refs/tags/v1")) == (None, (1, rev(1)), (1, rev(2)))
    log.ref(3, NEW)
    log.repo()
    log.ref(9)
    replay = log.replay()
    assert (at(replay), at(replay, NEW)) == ((1, rev(9)), (2, rev(3)))
    found = replay.position(RepoType.MODEL, NEW, MAIN)
    assert found is not None
    assert found.since == 4


def test_a_name_that_is_only_spelled_anew_changes_nothing() -> None:
    """A rename to the same name in lower case keeps everything."""
    log = operator_log()
    log.add(Log().repo(RepoOp.RENAME, to=REPO))
    assert at(log.replay()) == (1, rev(1))


@pytest.mark.parametrize(("op", "to"), [(RepoOp.DELETE, None), (RepoOp.VISIBILITY, "private"), (RepoOp.VISIBILITY, "federation")])
def test_deleting_and_hiding_end_the_chains(op: RepoOp, to: str | None) -> None:
    """Nothing is in the map any more; after a new creation, or once it is public again, chains begin at 1."""
    log = operator_log()
    log.repo(op, to=to)
    assert at(log.replay()) is None
    refused(log, log.next_ref(2))
    log.repo(RepoOp.CREATE if to is None else RepoOp.VISIBILITY, to=to and "public")
    assert at(log.replay()) is None
    log.ref(3)
    assert at(log.replay()) == (1, rev(3))


def test_concealed_chains_need_no_name() -> None:
    """They begin without a visible creation, are signed by the node, and end with any change of the repository."""
    log = operator_log()
    first = log.ref(5, "org/secret", salt=SALT)
    replay = log.replay()
    found = replay.position(RepoType.MODEL, first.repo, first.ref)
    assert found is not None
    assert (found.seq, found.rev) == (1, conceal_value(SALT, "rev", rev(5)))
    refused(log, log.next_ref(6, "org/secret", salt=SALT, by=OTHER), BadSignature)
    log.ref(6, "org/secret", salt=SALT)
    for op, to in ((RepoOp.RENAME, NEW), (RepoOp.VISIBILITY, "federation"), (RepoOp.DELETE, None)):
        ended = Log(leaves=list(log.leaves), tips=dict(log.tips))
        ended.repo(op, "org/secret", to, salt=SALT)
        assert ended.replay().position(RepoType.MODEL, first.repo, first.ref) is None
        ended.ref(7, "org/secret", salt=SALT)
    refused(log, replace(log.next_ref(7, "org/secret", salt=SALT), seq=1, prev=NO_SHA256), BadProof)


def test_a_concealed_creation_comes_first() -> None:
    """A repository that has chains already is not created once more."""
    log = operator_log()
    log.repo(repo="org/secret", salt=SALT)
    log.ref(5, "org/secret", salt=SALT)
    refused(log, Log().repo(repo="org/secret", salt=SALT))


def test_an_owners_position_is_shown_once_he_signed() -> None:
    """Until then the map keeps the last one that he signed; the newest is known, too."""
    log = owner_log()
    first = log.ref(1)
    replay = log.replay()
    assert at(replay) is None
    newest = replay.newest(RepoType.MODEL, REPO, MAIN)
    assert newest is not None
    assert newest.seq == 1
    log.position(first)
    second = log.ref(2)
    assert at(log.replay()) == (1, rev(1))
    log.ref(3)
    log.position(second)
    replay = log.replay()
    assert at(replay) == (2, rev(2))
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
    assert at(log.replay()) == (2, rev(2))
    assert log.replay().alarms == ()


def test_only_the_owner_shows_a_position() -> None:
    """The node, a stranger, and the owner of another namespace sign without effect; the same leaf with another's name fails."""
    log = owner_log()
    leaf = log.ref(1)
    log.key(OTHER, KeyUse.NAMESPACE, namespace="other", holder=Holder.OWNER)
    log.position(leaf, NODE)
    log.position(leaf, OTHER)
    assert at(log.replay()) is None
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
    assert at(replay) is None
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
    assert at(log.replay()) is None


def test_many_positions_may_wait_but_not_endlessly() -> None:
    """The newest 256 can be signed; an older one is passed over, and the next signature shows its position."""
    log = owner_log()
    leaves = [log.ref(number) for number in range(MAX_WAITING + 1)]
    log.position(leaves[0])
    assert at(log.replay()) is None
    log.position(leaves[1])
    assert at(log.replay()) == (2, rev(1))
    log.position(leaves[-1])
    assert at(log.replay()) == (MAX_WAITING + 1, rev(MAX_WAITING))


def test_the_node_key_signs_refs_of_an_owners_namespace() -> None:
    """The owner's own key does not replace it."""
    log = owner_log()
    refused(log, log.next_ref(1, by=OWNER), BadSignature)


def test_what_was_shown_stays_when_an_owner_takes_over() -> None:
    """A hand-over to the owner changes nothing by itself; from then on only his signature does."""
    log = operator_log()
    owned = key_leaf(OWNER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.add(handed_over(owned, NODE))
    assert at(log.replay()) == (1, rev(1))
    leaf = log.ref(2)
    assert at(log.replay()) == (1, rev(1))
    log.position(leaf)
    replay = log.replay()
    assert at(replay) == (2, rev(2))
    assert replay.alarms == ()


def test_a_name_moved_to_or_from_an_owner_is_signed_anew() -> None:
    """The owner of the new name signs the newest position under that name; what an operator takes over begins with his next."""
    log = owner_log()
    log.key(NODE, KeyUse.NAMESPACE, namespace="other", holder=Holder.OPERATOR)
    leaf = log.ref(1)
    log.position(leaf)
    log.repo(RepoOp.RENAME, to=NEW)
    assert at(log.replay(), NEW) is None
    log.position(replace(leaf, repo=NEW, sig=""))
    assert at(log.replay(), NEW) == (1, rev(1))
    log.repo(RepoOp.TRANSFER, NEW, ELSEWHERE)
    assert at(log.replay(), ELSEWHERE) is None
    log.ref(2, ELSEWHERE)
    assert at(log.replay(), ELSEWHERE) == (2, rev(2))


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
    assert (at(replay), at(replay, ref="refs/tags/v1")) == (None, (1, rev(5)))
    refused(log, log.next_ref(667), BadSignature)
    log.ref(1, by=OTHER)
    assert at(log.replay()) == (3, rev(1))


def test_a_stolen_owner_key_is_distrusted_too() -> None:
    """The map loses what the thief signed, and the owner's spare key signs the newest position again."""
    log = owner_log()
    owned = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.add(handed_over(owned, OWNER, KeyOp.ADD))
    leaf = log.ref(1)
    log.position(leaf)
    log.add(KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.NAMESPACE, OWNER.public.fingerprint, after=4))
    assert at(log.replay()) is None
    log.position(leaf)
    assert at(log.replay()) is None
    log.position(leaf, OTHER)
    assert at(log.replay()) == (1, rev(1))


def test_a_thief_cannot_leave_a_key_behind() -> None:
    """A key that the stolen one vouched for is gone with it, and what it signed, too; the next one raises the alarm."""
    log = operator_log()
    theft = len(log.leaves) - 1
    spare = key_leaf(OTHER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    log.add(handed_over(spare, NODE, KeyOp.ADD))
    log.ref(666, by=OTHER)
    assert at(log.replay()) == (2, rev(666))
    log.add(KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.REF, NODE.public.fingerprint, after=theft))
    assert at(log.replay()) is None
    refused(log, log.next_ref(667, by=OTHER), BadSignature)
    log.key(OWNER, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    assert [alarm.kind for alarm in log.replay().alarms] == [AlarmKind.OWNER_CHANGE]
