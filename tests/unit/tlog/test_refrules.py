"""Rules for `repo`, `ref` and `attest` leaves, each with the log that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.leaves import MAIN, NODE, OTHER, OWNER, SALT, signed
from tests.support.logs import REPO, Log, operator_log, refused, rev, shown

from hanse.errors import BadProof, BadSignature, Equivocation
from hanse.model.conceal import conceal_value
from hanse.model.digest import NO_GIT_OID, NO_SHA256, Sha256
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.ref_leaf import RefLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RepoType

NEW = "org/new"
ELSEWHERE = "other/name"


def test_a_chain_goes_on_leaf_by_leaf() -> None:
    """The map has the newest position, a deleted ref as zeros; the chain goes on when the ref comes back."""
    log = operator_log()
    log.ref(2)
    assert shown(log.replay()) == (2, rev(2))
    gone = signed(replace(log.next_ref(3), rev=NO_GIT_OID, tree=NO_SHA256, sig=""))
    log.tips[REPO, MAIN] = (3, leaf_id(log.add(gone)))
    assert shown(log.replay()) == (3, NO_GIT_OID)
    log.ref(4)
    assert shown(log.replay()) == (4, rev(4))


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
    assert shown(log.replay()) == (1, rev(1))
    log.key()
    log.key(NODE, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    refused(log, log.next_ref(2, by=None), BadSignature)
    leaf = log.ref(1)
    assert leaf.prev == leaf_id(encode_leaf(old))
    assert shown(log.replay()) == (2, rev(1))


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
    assert shown(replay) == (2, rev(2))
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
    assert (shown(replay), shown(replay, NEW), shown(replay, NEW, "refs/tags/v1")) == (None, (1, rev(1)), (1, rev(2)))
    log.ref(3, NEW)
    log.repo()
    log.ref(9)
    replay = log.replay()
    assert (shown(replay), shown(replay, NEW)) == ((1, rev(9)), (2, rev(3)))
    found = replay.position(RepoType.MODEL, NEW, MAIN)
    assert found is not None
    assert found.since == 4


def test_a_name_that_is_only_spelled_anew_changes_nothing() -> None:
    """A rename to the same name in lower case keeps everything."""
    log = operator_log()
    log.add(Log().repo(RepoOp.RENAME, to=REPO))
    assert shown(log.replay()) == (1, rev(1))


@pytest.mark.parametrize(("op", "to"), [(RepoOp.DELETE, None), (RepoOp.VISIBILITY, "private"), (RepoOp.VISIBILITY, "federation")])
def test_deleting_and_hiding_end_the_chains(op: RepoOp, to: str | None) -> None:
    """Nothing is in the map any more; after a new creation, or once it is public again, chains begin at 1."""
    log = operator_log()
    log.repo(op, to=to)
    assert shown(log.replay()) is None
    refused(log, log.next_ref(2))
    log.repo(RepoOp.CREATE if to is None else RepoOp.VISIBILITY, to=to and "public")
    assert shown(log.replay()) is None
    log.ref(3)
    assert shown(log.replay()) == (1, rev(3))


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
