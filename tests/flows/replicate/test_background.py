"""A serving node takes note of what members settle, fetches what it should hold, and lets go of what is taken back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.support.attesting import wait
from tests.support.copying import HOME, Pair, pair
from tests.support.nodes import TickingClock, add_user
from tests.support.served import until

from hanse.db import copies
from hanse.errors import GatedRepo, HanseError
from hanse.flows import access, gating
from hanse.flows.accounts import create_token
from hanse.flows.replicate.background import Copier, Replicating, Setup
from hanse.flows.replicate.fellows import holders
from hanse.flows.replicate.pace import parse_hours
from hanse.flows.replicate.plan import Wishes
from hanse.flows.repos import set_copies, set_gated
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.model.trust_leaf import Reason, WithdrawLeaf, WithdrawOp
from hanse.policy.copies import Copies

FILES = {"README.md": b"---\nlicense: mit\n---\n# m\n", "model.bin": bytes(range(256)) * 12_000, "empty.txt": b""}
REPO = RepoId(HOME, RepoType.MODEL, "alice", "m")


def _withdrawn(rev: str, tree: str, op: WithdrawOp = WithdrawOp.WITHDRAW) -> bytes:
    reason = Reason.OTHER if op is WithdrawOp.WITHDRAW else None
    return encode_leaf(WithdrawLeaf(1_800_000_000, HOME, RepoType.MODEL, "alice/m", op, reason, GitOid(rev), Sha256(tree)))


def test_a_settled_revision_is_held_and_let_go_again(two: Pair) -> None:
    """What the home settled is fetched, served and signed here; after its owner took it back it is refused."""
    rev = two.publish(FILES)
    replicating = Replicating(two.copier(), 1, pace=0.05)
    replicating.start()
    try:
        until(lambda: two.rows() and two.rows()[0].state == copies.HELD)
        (row,) = two.rows()
        assert (row.rev, row.size, row.moved, row.licence) == (rev, row.size, row.size, "mit")
        assert holders(two.node, REPO, row.rev, row.tree) == {HOME, two.node.origin}
        found = access.find_named(two.node, ANONYMOUS, RepoId(two.node.origin, RepoType.MODEL, "alice", "m"))
        assert access.resolve_revision(two.node, found, "main").rev == rev
        two.say(_withdrawn(rev, row.tree))
        until(lambda: two.rows()[0].state == copies.RELEASED)
        with pytest.raises(HanseError):
            access.resolve_revision(two.node, found, rev)
        two.say(_withdrawn(rev, row.tree, op=WithdrawOp.RESTORE))
        assert isinstance(two.node.clock, TickingClock)
        two.node.clock.time += 2
        until(lambda: two.rows() and two.rows()[0].state == copies.HELD)
        two.follow()
        until(lambda: access.resolve_revision(two.node, found, rev).state == "live")
        wait(two.node)
    finally:
        replicating.stop()


def test_nothing_is_fetched_outside_the_hours_or_without_room(tmp_path: Path) -> None:
    """What is wanted waits for its time of day; what does not fit is left, and says why."""
    with pair(tmp_path, capacity=1000) as two:
        two.publish(FILES)
        copier = Copier(two.node, Setup(hours=parse_hours("03:00-03:01"), rules=Copies(2)))
        replicating = Replicating(copier, 1)
        assert replicating.step() == 0
        assert [row.state for row in two.rows()] == [copies.WANTED]
        full = two.copier()
        full.copy(two.view(), two.rows()[0])
        (row,) = two.rows()
        assert (row.state, row.moved) == (copies.LEFT, 0)
        assert "of 1,000 bytes for others are in use" in row.says
        copier.close()
        full.close()


def test_a_home_that_is_down_is_asked_again(two: Pair) -> None:
    """What cannot be had stays wanted, with the reason, and is held once somebody gives it."""
    two.publish(FILES)
    copier = Copier(two.node, Setup(Wishes(pins=("alice/*",)), rules=Copies(1)))
    row = _planned(two, copier)
    view = two.view()
    nobody = type(view)(view.me, {}, view.present, view.rules)
    with pytest.raises(HanseError, match="nobody is there"):
        copier.copy(nobody, row)
    assert (two.rows()[0].state, two.rows()[0].tries) == (copies.WANTED, 1)
    copier.copy(view, row)
    assert (two.rows()[0].state, two.rows()[0].tries) == (copies.HELD, 0)
    copier.close()


@pytest.mark.soak
def test_a_member_that_publishes_files_only_is_copied(tmp_path: Path) -> None:
    """Evidence and bytes come from files behind a web server; everything is checked and signed as from a node."""
    with pair(tmp_path, static=True) as two:
        rev = two.publish(FILES)
        copier = two.copier()
        copier.copy(two.view(), _planned(two, copier))
        (row,) = two.rows()
        assert (row.state, row.rev, row.moved) == (copies.HELD, rev, row.size)
        assert row.licence == "mit"
        assert holders(two.node, REPO, row.rev, row.tree) == {HOME, two.node.origin}
        copier.close()


def _planned(two: Pair, copier: Copier) -> copies.Copy:
    from hanse.flows.replicate.plan import take_note

    assert take_note(two.node, two.view(), copier.setup.wishes) == 1
    return two.rows()[0]


def test_what_is_gated_stays_at_home(two: Pair) -> None:
    """A repository that its home shows to some only is not copied."""
    two.publish(FILES)
    repo = two.publisher.repo
    assert repo is not None
    with two.home.db.write() as conn:
        from hanse.db import repos

        repos.update_columns(conn, repo.id, gated="manual")
    copier = two.copier()
    copier.copy(two.view(), _planned(two, copier))
    (row,) = two.rows()
    assert (row.state, row.moved) == (copies.LEFT, 0)
    assert "those it chose" in row.says
    assert Origin(row.origin) == HOME
    copier.close()


@pytest.mark.soak
def test_a_gated_repository_is_held_for_repair_if_its_home_allows_it(two: Pair) -> None:
    """If its home says so in its log, a member that it let in holds it, gives it to nobody, and lets go of it when told."""
    rev = two.publish(FILES)
    home, alice = two.publisher.repo, add_user(two.home, "alice")
    assert home is not None
    home = set_gated(two.home, alice, home, "auto")
    set_copies(two.home, alice, home, allowed=True)
    two.follow()
    keeper = add_user(two.home, "keeper")
    assert gating.ask(two.home, keeper, home, {}) == "accepted"
    token = create_token(two.home.db, two.home.clock, "keeper", "copies", role="read")[1]
    with closing(two.copier()) as stranger, pytest.raises(HanseError):
        stranger.copy(two.view(), _planned(two, stranger))
    with closing(two.copier(Setup(rules=Copies(2), token=lambda url: token if url == two.url else ""))) as copier:
        copier.copy(two.view(), two.rows()[0])
        (row,) = two.rows()
        assert (row.state, row.moved) == (copies.HELD, row.size)
        held = access.find_named(two.node, ANONYMOUS, RepoId(two.node.origin, RepoType.MODEL, "alice", "m"))
        with pytest.raises(GatedRepo) as refused:
            access.require_read_bytes(two.node, ANONYMOUS, held)
        assert "for repair only" in (refused.value.hint or "")
        fellow, operator = add_user(two.node, "fellow"), add_user(two.node, "root", admin=True)
        assert gating.ask(two.node, fellow, held, {}) == "pending"
        gating.handle(two.node, operator, held, user="fellow", request_id="", status="accepted", reason="")
        access.require_read_bytes(two.node, fellow, held)
        copier.heed(two.view(), (HOME, "model", "alice/m"), row.rev, ask=True)
        assert two.rows()[0].state == copies.HELD
        set_copies(two.home, alice, home, allowed=False)
        two.follow()
        copier.heed(two.view(), (HOME, "model", "alice/m"), row.rev, ask=True)
    assert (two.rows()[0].state, two.rows()[0].rev) == (copies.WITHDRAWN, rev)
