"""Which names fall through, and who may have what the upstream shows to few. Over HTTP: tests/web/test_through.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from tests.support.memoryplaces import pin_of
from tests.support.nodes import add_user, new_repo
from tests.support.pulling import machine
from tests.support.upstreams import NAME, upstream

from hanse.errors import GatedRepo, RepoNotFound
from hanse.flows.accounts import set_claims
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.mirror.through import CallersView, Lasting, Through, as_of
from hanse.flows.node import Node
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.puller import Puller
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Origin, RepoId, RepoType

MODEL = RepoType.MODEL
UP = Origin("up.example")


@dataclass(frozen=True)
class Claiming:
    """A puller whose upstream says that the repository is for few."""

    puller: Puller
    said: dict[str, bool]

    def revision(self, kind: RepoType, name: str, revision: str) -> PulledRevision:
        """Return the revision with other claims."""
        return replace(self.puller.revision(kind, name, revision), claims=self.said)


def test_which_names_fall_through(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """Not those of accounts and claimed namespaces, nor of another origin; asked for by its origin, only claims keep one back."""
    new_repo(lite, owner, "owner/m")
    set_claims(lite.db, {"acme": Origin("acme.example"), "ours": UP})
    with machine(tmp_path) as own:
        through = Through(lite, own.puller(upstream="https://up.example"), UP, None, 0)
        assert through.falls(lite.origin, MODEL, "org/m")
        assert through.falls(lite.origin, MODEL, "ours/m")
        for name in ("owner/m", "Owner/none", "acme/m", "ACME/x"):
            assert not through.falls(lite.origin, MODEL, name), name
        assert through.falls(UP, MODEL, "owner/m")
        assert not through.falls(UP, MODEL, "acme/m")
        assert not through.falls(Origin("third.example"), MODEL, "org/m")


def test_what_is_for_few(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """Gated: operators, and whom the mirror lets in; private: operators only, for others it is not there."""
    admin = Actor(owner.account_id, "owner", admin=True)
    with machine(tmp_path) as own, upstream() as (origin, hub):
        puller = own.puller(upstream=origin.url)
        gated = Through(lite, cast("Puller", Claiming(puller, {"gated": True})), Origin(hub.origin), None, 0)
        for actor in (ANONYMOUS, owner):
            with pytest.raises(GatedRepo):
                CallersView(gated, actor).revision(MODEL, NAME, "main")
        assert CallersView(gated, admin).revision(MODEL, NAME, "main").files
        private = replace(gated, puller=cast("Puller", Claiming(puller, {"private": True})))
        with pytest.raises(RepoNotFound):
            CallersView(private, owner).revision(MODEL, NAME, "main")
        plain = replace(gated, puller=puller)
        found = CallersView(plain, ANONYMOUS).revision(MODEL, NAME, "main", token="hf_not_sent")
        fetch = CallersView(plain, ANONYMOUS).file(found, "model.safetensors")
        assert isinstance(fetch, Lasting)
        assert isinstance(fetch.fetch, Fetch)
        fetch.cancel()
        assert fetch.settle(120)
        whole = fetch.wait(120)
        assert whole is not None
        assert fetch.progress == (whole.size, whole.size)
        plain.close()
    assert pin_of("x", b"").path == "x"


def test_since_when_an_upstream_is_down(lite: Node) -> None:
    """An upstream that answered last time needs no date."""
    from hanse.db import mirrors

    repo = open_mirror(lite, RepoId(UP, MODEL, "org", "m"), "https://up.example")
    assert as_of(lite, repo) is None
    with lite.db.write() as conn:
        mirrors.note(conn, repo.id, 5)
        mirrors.note(conn, repo.id, 9, "down")
    assert as_of(lite, repo) == 5
    add_user(lite, "x")
