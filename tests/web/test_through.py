"""A node with an upstream answers for its names over HTTP as for its own, and never for names that are somebody else's."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.nodes import add_user, make_node, new_repo, running
from tests.support.served import served
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.db import accounts, repos
from hanse.db.engine import Database, sqlite_url
from hanse.errors import PeerError
from hanse.flows.accounts import set_claims
from hanse.flows.mirror.background import Completing
from hanse.flows.mirror.heldfiles import held_local
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.through import CallersView, Lasting, Through
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.puller import Puller, PullSettings
from hanse.model.repo import Origin, RepoType
from hanse.peers.hub import Hub
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.store import Held
from hanse.web.through import PullThrough

BIG = 1 << 40
MANY = 48


@dataclass
class World:
    """A node that pulls through from an origin."""

    node: Node
    origin: HubOrigin
    through: Through
    url: str

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (lower case) and body of a request."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def completed(self) -> None:
        """Wait until the background has nothing to do."""
        assert self.through.completing is not None
        assert self.through.completing.wait(60)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        database = Database(sqlite_url(tmp_path / "hanse.db"))
        stack.callback(database.close)
        database.migrate()
        node = stack.enter_context(running(make_node(database, tmp_path / "data")))
        origin, hub = stack.enter_context(upstream())
        held = stack.enter_context(Held.open(tmp_path / "held"))
        home = tmp_path / "home"
        puller = Puller(PullSettings((), origin.url, load_policy("open", home), home), held, Fetcher(held), node.clock)
        completing = Completing(node, hub, Options(held=held_local(held, 60)), again=0.0, delay=0.3)
        through = Through(node, puller, Origin(hub.origin), completing, BIG)
        stack.callback(through.close)
        url = stack.enter_context(served(node, PullThrough(through)))
        yield World(node, origin, through, url)


def test_an_upstreams_name_is_answered_then_mirrored(world: World) -> None:
    """Info, HEAD and GET are answered with checked bytes; in the background it becomes a mirror that needs no upstream."""
    rev = world.origin.repo(NAME).refs["refs/heads/main"]
    status, headers, body = world.get(f"/{NAME}/resolve/main/model.safetensors")
    assert (status, headers["x-repo-commit"], body) == (200, rev, FILES["model.safetensors"])
    assert "x-xet-hash" not in headers
    status, headers, body = world.get(f"/{NAME}/resolve/main/config.json", "HEAD")
    assert (status, headers["x-repo-commit"], headers["content-length"]) == (200, rev, str(len(FILES["config.json"])))
    world.completed()
    assert world.origin.bytes_sent < 1.5 * len(FILES["model.safetensors"]), "what was pulled through is not fetched again"
    world.origin.stop()
    status, headers, body = world.get(f"/{NAME}/resolve/{rev}/nested/vocab.txt")
    assert (status, body) == (200, FILES["nested/vocab.txt"])
    status, _, body = world.get(f"/api/models/{NAME}/evidence/main")
    assert status == 200
    assert b"model_signing" in body or b"bundle" in body
    world.completed()
    world.get(f"/api/models/{NAME}")
    world.completed()
    status, headers, body = world.get(f"/api/models/{NAME}")
    assert (status, json.loads(body)["sha"]) == (200, rev)
    assert "could not be asked since" in headers["x-hf-warning"]


def test_a_mirror_says_its_age(world: World) -> None:
    """A node that only mirrors says as of when it answers, in the answer and on the page, once its upstream is silent."""
    with closing(Hub(world.origin.url)) as hub, served(world.node) as url:
        mirror(world.node, HubUpstream(hub), RepoType.MODEL, NAME)
        plain = replace(world, url=url)
        assert "x-hf-warning" not in plain.get(f"/api/models/{NAME}")[1]
        assert b"silent since" not in plain.get(f"/{NAME}")[2]
        world.origin.stop()
        with pytest.raises(PeerError):
            mirror(world.node, HubUpstream(hub), RepoType.MODEL, NAME)
        status, headers, _ = plain.get(f"/{NAME}/resolve/main/config.json")
        assert (status, "stale" in headers["x-hf-warning"], "as of 20" in headers["x-hf-warning"]) == (200, True, True)
        assert b"silent since" in plain.get(f"/{NAME}")[2]
        world.origin.start()
        mirror(world.node, HubUpstream(hub), RepoType.MODEL, NAME)
        assert "x-hf-warning" not in plain.get(f"/api/models/{NAME}")[1]


def test_a_newer_revision_is_seen_in_the_background(world: World) -> None:
    """A mirrored name is answered at once from here; what its upstream has by now comes later."""
    world.get(f"/api/models/{NAME}")
    world.completed()
    rev = world.origin.commit(NAME, changed(config_json=b"{}"))
    world.get(f"/api/models/{NAME}")
    world.completed()
    assert json.loads(world.get(f"/api/models/{NAME}")[2])["sha"] == rev
    status, _, body = world.get(f"/o/{world.through.origin}/{NAME}/resolve/main/config.json")
    assert (status, body) == (200, b"{}")


def test_names_of_others_never_fall_through(world: World) -> None:
    """Namespaces of accounts here, and those claimed by another origin, are not the upstream's to answer."""
    for name in ("alice/tiny", "acme/tiny", "free/tiny"):
        world.origin.commit(name, {"x.txt": b"x"})
    alice = add_user(world.node, "alice")
    new_repo(world.node, alice, "alice/own")
    set_claims(world.node.db, {"acme": Origin("models.acme.example")})
    assert world.get("/api/models/free/tiny")[0] == 200
    for path in ("/api/models/alice/tiny", "/api/models/acme/tiny", "/o/other.example/api/models/free/tiny"):
        assert world.get(path)[0] in (401, 404), path
    assert world.get(f"/o/{world.through.origin}/api/models/acme/tiny")[0] in (401, 404)
    assert not [one for one in world.origin.requests if "alice" in one.path or "acme" in one.path]
    world.completed()
    with world.node.db.write() as conn:
        accounts.insert_account(conn, "free", "org", 0)
    assert world.get("/api/models/free/tiny")[0] in (401, 404), "an account that came later has the name"
    assert world.get(f"/o/{world.through.origin}/api/models/free/tiny")[0] == 200


def test_old_names_without_a_namespace(world: World) -> None:
    """`gpt2` is what the upstream says that it stands for, pulled through and then mirrored; never a name of somebody here."""
    rev = world.origin.commit("community/gpt2", {"config.json": b"{}"})
    world.origin.commit("alice/gpt3", {"config.json": b"{}"})
    for short, full in (("gpt2", "community/gpt2"), ("gpt3", "alice/gpt3")):
        world.origin.repos[RepoType.MODEL, short] = world.origin.repo(full)
    add_user(world.node, "alice")
    for _ in range(2):
        assert json.loads(world.get("/api/models/gpt2")[2])["id"] == "community/gpt2"
        status, headers, body = world.get("/gpt2/resolve/main/config.json")
        assert (status, headers["x-repo-commit"], body) == (200, rev, b"{}")
        assert world.get("/api/models/gpt2/tree/main?recursive=true")[0] == 200
        assert world.get("/api/models/gpt2/revision/main")[0] == 200
        world.completed()
    assert world.get("/api/models/gpt2/evidence/main")[0] == 200
    assert world.get("/api/models/gpt3")[0] in (401, 404)
    assert world.get("/api/models/gpt4")[0] in (401, 404)
    assert world.get("/o/other.example/api/models/gpt2")[0] == 404


def test_false_bytes_do_not_leave(world: World) -> None:
    """A file that is not what was pinned is refused by name, and nothing of it is mirrored."""
    world.origin.faults.set(Fault.WRONG_BYTES, path="model.safetensors")
    status, headers, body = world.get(f"/{NAME}/resolve/main/model.safetensors")
    assert status in (403, 502)
    assert FILES["model.safetensors"][:100] not in body
    assert headers.get("x-error-message") or headers.get("x-error-code")
    world.completed()
    with world.node.db.read() as conn:
        assert repos.in_state(conn, "live") == []


def test_who_waits_for_the_upstream_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More requests than the node has threads for short calls wait for the upstream, and others are answered meanwhile."""
    waiting, release, file = threading.Semaphore(0), threading.Event(), CallersView.file

    def slow(self: CallersView, revision: PulledRevision, path: str) -> Lasting | HeldFile:
        waiting.release()
        assert release.wait(120)
        return file(self, revision, path)

    monkeypatch.setattr(CallersView, "file", slow)
    with ThreadPoolExecutor(MANY) as pool:
        try:
            asked = [pool.submit(world.get, f"/{NAME}/resolve/main/config.json") for _ in range(MANY)]
            assert all(waiting.acquire(timeout=60) for _ in range(MANY))
            assert world.get("/log/checkpoint")[0] == 200
        finally:
            release.set()
        assert {one.result()[0] for one in asked} == {200}


def test_what_is_missing_everywhere(world: World) -> None:
    """A name that the upstream does not have, and a revision that it does not have, are not found, in the Hub's words."""
    assert world.get("/api/models/org/none")[0] in (401, 404)
    status, headers, _ = world.get(f"/{NAME}/resolve/v9/config.json")
    assert (status, headers["x-error-code"]) == (404, "RevisionNotFound")
    status, headers, _ = world.get(f"/{NAME}/resolve/main/none.txt")
    assert (status, headers["x-error-code"]) == (404, "EntryNotFound")
