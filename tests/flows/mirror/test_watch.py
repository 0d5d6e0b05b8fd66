"""Watching goes on whatever the upstream does, until it is stopped."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from tests.support.upstreams import NAME, changed, impostor, upstream

from hanse.cli.mirror import Telling
from hanse.conform.origin import HubOrigin
from hanse.db import alarms, revisions
from hanse.errors import HanseError, IntegrityError, PeerError
from hanse.flows.accounts import create_user
from hanse.flows.mirror.journey import Mirrored, Options
from hanse.flows.mirror.watch import watch
from hanse.flows.node import Node
from hanse.model.repo import RepoType


def test_down_and_up_again(lite: Node) -> None:
    """A round in which the upstream is down is told; the next one sees what is new."""
    told: list[Mirrored | HanseError] = []
    options = Options(stop=threading.Event())
    with upstream() as (origin, hub):

        def tell(one: Mirrored | HanseError) -> None:
            told.append(one)
            if len(told) == 1:
                origin.stop()
            elif len(told) == 2:
                origin.start()
                origin.commit(NAME, changed(new_txt=b"n"))
            else:
                options.stop.set()

        watch(lite, hub, RepoType.MODEL, NAME, "main", every=0.01, told=tell, options=options)
    first, second, third = told
    assert isinstance(first, Mirrored)
    assert isinstance(second, PeerError)
    assert isinstance(third, Mirrored)
    assert third.revision.rev != first.revision.rev


def test_what_was_said_is_not_said_again(lite: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, what goes wrong is printed once until a look succeeds, and why the plain name means another repository once."""
    create_user(lite.db, lite.clock, NAME.partition("/")[0])
    told: list[Mirrored | HanseError] = []
    options, printed = Options(stop=threading.Event()), Telling()
    with upstream() as (origin, hub):

        def tell(one: Mirrored | HanseError) -> None:
            told.append(one)
            printed(one)
            if len(told) in (1, 5):
                origin.stop()
            elif len(told) == 3:
                origin.start()
            elif len(told) == 7:
                options.stop.set()

        watch(lite, hub, RepoType.MODEL, NAME, "main", every=0.01, told=tell, options=options)
    assert [isinstance(one, Mirrored) for one in told] == [True, False, False, True, True, False, False]
    begins = [line.split(" ")[0].split(":")[0] for line in capsys.readouterr().out.splitlines()]
    name = str(told[0].repo.repo) if isinstance(told[0], Mirrored) else ""
    assert [one.partition("@")[0] for one in begins] == [name, "HIDDEN", "PeerDown", name, name, "PeerDown"]


def test_all_revisions_again_and_again(lite: Node) -> None:
    """A round tells what is new on any branch or tag; commits that are here already are not asked for again."""
    told: list[Mirrored | HanseError] = []
    options = Options(stop=threading.Event())
    with upstream() as (origin, hub):
        first = origin.repo(NAME).refs["refs/heads/main"]
        later: list[str] = []

        def tell(one: Mirrored | HanseError) -> None:
            told.append(one)
            if isinstance(one, Mirrored) and one.ref == "refs/heads/main":
                origin.requests.clear()
                later.append(origin.commit(NAME, changed(new_txt=b"n"), ref="refs/heads/dev"))
            elif isinstance(one, Mirrored) and one.ref is not None:
                options.stop.set()

        watch(lite, hub, RepoType.MODEL, NAME, "main", every=0.01, told=tell, options=options, all_revisions=True)
        asked = [one.path for one in origin.requests]
    assert [(one.revision.rev, one.ref) for one in told if isinstance(one, Mirrored)] == [
        (first, "refs/heads/main"),
        (later[0], "refs/heads/dev"),
    ]
    assert not [path for path in asked if f"/revision/{first}" in path]


def test_another_upstream_under_the_same_commit_id(lite: Node) -> None:
    """A round lists what is complete here again: other files of its commit id are an alarm, for two requests a round."""
    told: list[Mirrored | HanseError] = []
    options = Options(stop=threading.Event())
    with upstream() as (origin, hub), ExitStack() as stack:
        servers: list[HubOrigin] = []

        def tell(one: Mirrored | HanseError) -> None:
            told.append(one)
            if len(told) == 1:
                servers.append(stack.enter_context(impostor(origin, NAME, changed(config_json=b"{}"))))
            else:
                options.stop.set()

        watch(lite, hub, RepoType.MODEL, NAME, "main", every=0.01, told=tell, options=options)
        asked = [one.path.split("/")[5] for one in servers[0].requests]
    first, second = told
    assert isinstance(first, Mirrored)
    assert isinstance(second, IntegrityError)
    assert asked == ["revision", "tree"]
    with lite.db.read() as conn:
        assert [one.kind for one in alarms.every(conn)] == ["upstream-contradiction"]
        at = revisions.ref(conn, first.repo.id, "refs/heads/main")
    assert at is not None
    assert at.rev == first.revision.rev
