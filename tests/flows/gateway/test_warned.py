"""A revocation reaches a gateway at once, and what a program's cache holds at the next run; taken back, it is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.support.advising import record
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import commit_body, put_bytes
from tests.support.served import until
from tests.support.wholegateway import whole_gateway

from hanse.cli.main import run
from hanse.clock import SystemClock
from hanse.flows.gateway.warned import listed_now
from hanse.flows.pull.health import Health
from hanse.store.held import Held

pytestmark = pytest.mark.soak

ORIGIN, NAME, DATA = "models.example.org", "admin/m", b'{"model_type": "bert"}'
PURL = f"pkg:huggingface/{NAME}?repository_url={ORIGIN}"


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node with one signed model."""
    environ = {"HANSE_ORIGIN": ORIGIN, "HANSE_SETTLE_SECONDS": "1"}
    with forked_node(mother, tmp_path_factory.mktemp("warned"), environ=environ) as node:
        commit(node, "m")
        with RawClient(node.port) as hub:
            until(lambda: json.loads(hub("GET", f"/api/models/{NAME}/attestations/main").body), 60)
        yield node


def get(home: Path, node: LiveNode, said: list[str] | None = None, *, revision: str = "main") -> tuple[Reply, Path]:
    """Ask for a file through a gateway in front of the node, after its audit; return the answer and the cache."""
    with whole_gateway(home, nodes=(node.url,), said=said) as gateway, RawClient(gateway.port, timeout=120) as client:
        reply = client("GET", f"/{gateway.url.rpartition('/')[2]}/{NAME}/resolve/{revision}/config.json")
        return reply, gateway.options.cache


def commit(node: LiveNode, name: str) -> str:
    """Publish a model of one file; return its commit id."""
    with RawClient(node.port, ADMIN_TOKEN) as hub:
        assert hub.json("POST", "/api/repos/create", {"name": name, "type": "model"}).status == 200
        body = commit_body(put_bytes("config.json", DATA))
        return str(json.loads(hub("POST", f"/api/models/admin/{name}/commit/main", body).body)["commitOid"])


def advise(node: LiveNode, tmp_path: Path, number: str, purl: str) -> None:
    """Have the node's operator warn of a model, and wait until that is in the log."""
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record(number, affected=[{"package": {"purl": purl}}])))
    assert run(["advisory", "issue", str(file)]) == 0
    with RawClient(node.port) as hub:
        until(lambda: json.loads(hub("GET", "/v1/advisories").body)["advisories"][0]["index"] is not None, 60)


@pytest.fixture(name="health")
def _health(tmp_path: Path) -> Iterator[Health]:
    """Return which sources did not answer lately: none."""
    with Held.open(tmp_path / "health") as held:
        yield Health(held, SystemClock())


def test_a_node_that_rests_is_not_asked(node: LiveNode, health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that does not answer rests, and the next program starts without asking it."""
    gone = "http://127.0.0.1:9"
    assert listed_now((gone,), health) == ""
    assert health.resting(gone)
    health.failed(node.url)
    monkeypatch.setattr("hanse.flows.gateway.warned.PeerClient", None)
    assert listed_now((gone, node.url), health) == ""


def test_a_list_that_is_no_text(health: Health) -> None:
    """A list with half of a surrogate pair in it is one like any other: it keeps no program from being started."""
    body = b'{"advisories": [{"log": "\\ud800", "id": "x", "payload": "y", "state": "z"}]}'

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        serving = Thread(target=server.handle_request, daemon=True)
        serving.start()
        assert len(listed_now((f"http://127.0.0.1:{server.server_port}",), health)) == 64
        serving.join(60)


def test_a_revocation_reaches_gateway_and_cache(
    node: LiveNode, health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher's advisory refuses what was given before, and moves it out of the cache; withdrawn, it is given again."""
    monkeypatch.setenv("HANSE_HOME", str(node.folder))
    monkeypatch.setenv("HANSE_ORIGIN", ORIGIN)
    said = list[str]()
    assert listed_now((node.url,), health) == ""
    reply, cache = get(tmp_path, node)
    assert (reply.status, reply.body) == (200, DATA)
    rev, etag = reply.headers["x-repo-commit"], reply.headers["etag"].strip('"')
    entry = cache / "models--admin--m"
    for folder in (entry / "blobs", entry / "refs", entry / "snapshots" / rev):
        folder.mkdir(parents=True)
    (entry / "refs" / "main").write_text(rev)
    (entry / "blobs" / etag).write_bytes(DATA)
    (entry / "snapshots" / rev / "config.json").symlink_to(f"../../blobs/{etag}")
    assert get(tmp_path, node, said)[0].status == 200
    assert said == []

    advise(node, tmp_path, "R-1", PURL)
    assert len(listed_now((node.url, "http://127.0.0.1:9"), health)) == 64
    refused, _ = get(tmp_path, node, said)
    assert refused.status in (403, 404)
    assert "R-1" in refused.headers["x-error-message"]
    assert [one for one in said if one.startswith("moved out of the cache") and "R-1" in one], said
    assert not (entry / "snapshots" / rev / "config.json").exists()

    assert run(["advisory", "withdraw", "R-1"]) == 0
    with RawClient(node.port) as hub:
        until(lambda: json.loads(hub("GET", "/v1/advisories").body)["advisories"][0]["state"] == "withdrawn", 60)
    again, _ = get(tmp_path, node)
    assert (again.status, again.body) == (200, DATA)


def test_a_revocation_of_what_nobody_signed_yet(mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a refusal is known, what is held is given by its commit id no more, although it was confirmed a moment ago."""
    folder, home = tmp_path / "node", tmp_path / "reader"
    folder.mkdir()
    with forked_node(mother, folder, environ={"HANSE_ORIGIN": ORIGIN, "HANSE_SETTLE_SECONDS": "3600"}) as node:
        monkeypatch.setenv("HANSE_HOME", str(folder))
        monkeypatch.setenv("HANSE_ORIGIN", ORIGIN)
        rev = commit(node, "m")
        assert get(home, node, revision=rev)[0].status == 200
        advise(node, tmp_path, "R-2", PURL)
        assert "R-2" in get(home, node)[0].headers["x-error-message"]
        refused, _ = get(home, node, revision=rev)
        assert refused.status in (403, 404)
        assert "R-2" in refused.headers["x-error-message"]
        assert run(["advisory", "withdraw", "R-2"]) == 0
        with RawClient(node.port) as hub:
            until(lambda: json.loads(hub("GET", "/v1/advisories").body)["advisories"][0]["state"] == "withdrawn", 60)
        assert get(home, node, revision=rev)[0].status == 200
