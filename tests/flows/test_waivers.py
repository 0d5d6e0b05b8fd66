"""People let files pass."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from tests.support.nodes import TickingClock, add_user, commit, new_repo
from tests.support.scanning import ODD, RULE, with_scanner

from hanse.db.repos import Repo
from hanse.errors import HanseError, Held, InputError, NotAllowed, NotFoundError, PolicyError, Recalled, RepoNotFound
from hanse.flows import admission, browse
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.waivers import MAX_SECONDS, list_waivers, waive, withdraw
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility

DIGEST = Sha256(hashlib.sha256(ODD).hexdigest())


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite."""
    return lite


def _waive(node: Node, actor: Actor, repo: Repo, **other: Any) -> None:
    values: dict[str, Any] = {"rules": [RULE], "reason": "reviewed by hand", "ends_at": node.clock.now() + 1000}
    waive(node, actor, repo, DIGEST, **(values | other))


def _get(node: Node, actor: Actor, repo: Repo) -> str:
    _, listing = browse.open_revision(node, actor, repo, "main")
    entry = listing.directory.file("x.gguf")
    assert entry is not None
    return admission.require_file(node, actor, repo, entry)


def _held(node: Node, owner: Actor) -> Repo:
    repo = new_repo(node, owner, "alice/m")
    commit(node, owner, repo, PutBytes("x.gguf", ODD))
    return repo


def test_a_waiver_lets_others_in_until_it_ends(scanned: Node, alice: Actor, bob: Actor) -> None:
    """Others get the file with a warning while the waiver holds, and a refusal that caches obey afterwards."""
    repo = _held(scanned, alice)
    with pytest.raises(Held):
        _get(scanned, bob, repo)
    _waive(scanned, alice, repo)
    assert RULE in _get(scanned, bob, repo)
    assert admission.withheld(scanned, bob, repo) == []
    assert isinstance(scanned.clock, TickingClock)
    scanned.clock.time += 2000
    with pytest.raises(Recalled):
        _get(scanned, bob, repo)


def test_a_waiver_is_taken_back(scanned: Node, alice: Actor, bob: Actor) -> None:
    """Without its waiver a file is withheld again, and addresses given out meanwhile end."""
    repo = _held(scanned, alice)
    _waive(scanned, alice, repo)
    epoch = scanned.epochs.refresh()
    (one,) = list_waivers(scanned, bob, repo)
    assert (one.reason, one.author, one.operator, one.rules) == ("reviewed by hand", "alice", False, (RULE,))
    withdraw(scanned, alice, repo, one.id)
    with pytest.raises(Recalled):
        _get(scanned, bob, repo)
    assert scanned.epochs.refresh() != epoch
    with pytest.raises(NotFoundError):
        withdraw(scanned, alice, repo, one.id)


def test_only_an_operator_waives_malicious_findings(node: Node, alice: Actor, pool: ScanPool) -> None:
    """The owner's word is not enough; an operator's lets the refused commit through."""
    strict = with_scanner(node, pool, "malicious")
    repo = new_repo(strict, alice, "alice/m")
    with pytest.raises(NotAllowed, match="malicious"):
        _waive(strict, alice, repo)
    with pytest.raises(PolicyError):
        commit(strict, alice, repo, PutBytes("x.gguf", ODD))
    root = add_user(node, "root", admin=True)
    _waive(strict, root, repo, author="Board of review")
    commit(strict, alice, repo, PutBytes("x.gguf", ODD))
    assert RULE in _get(strict, replace(alice, name="nobody", account_id=None), repo)
    (one,) = list_waivers(strict, alice, repo)
    assert (one.author, one.operator) == ("Board of review", True)
    with pytest.raises(NotAllowed, match="operator"):
        withdraw(strict, alice, repo, one.id)


def test_a_worse_ruleset_outgrows_an_owners_waiver(scanned: Node, node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """What an owner waived as suspicious is not waived when it turns out to be malicious."""
    repo = _held(scanned, alice)
    _waive(scanned, alice, repo)
    strict = with_scanner(node, pool, "malicious")
    with pytest.raises(HanseError):
        _get(strict, bob, repo)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": []},
        {"rules": ["no rule"]},
        {"rules": ["NO-SUCH-RULE"]},
        {"rules": [RULE] * 51},
        {"reason": " x "},
        {"reason": "x" * 1001},
        {"reason": "a\0b c"},
        {"ends_at": 0},
        {"ends_at": 1_800_000_000 + MAX_SECONDS + 1},
    ],
)
def test_a_waiver_says_what_why_and_until_when(scanned: Node, alice: Actor, wrong: dict[str, Any]) -> None:
    """Rules that exist, a reason and an end within three years."""
    repo = _held(scanned, alice)
    with pytest.raises(InputError):
        _waive(scanned, alice, repo, **wrong)


def test_strangers_neither_waive_nor_look_into_private_ones(scanned: Node, alice: Actor, bob: Actor) -> None:
    """The right is the namespace's; waivers of what is hidden are hidden."""
    repo = _held(scanned, alice)
    with pytest.raises(NotAllowed):
        _waive(scanned, bob, repo)
    hidden = new_repo(scanned, alice, "alice/p", Visibility.PRIVATE)
    with pytest.raises(RepoNotFound):
        list_waivers(scanned, bob, hidden)


def test_without_a_scanner_waivers_are_kept(node: Node, alice: Actor) -> None:
    """A waiver may be given ahead of a scanner."""
    repo = _held(node, alice)
    _waive(node, alice, repo, rules=["ANY-RULE"])
    assert len(list_waivers(node, alice, repo)) == 1
