"""Asking a node for evaluations over HTTP: who may, what is refused, and that nobody learns of others' jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows.accounts import create_org, create_token, create_user, set_member

ASK = "/api/models/admin/logged/evaluations/main"
JOBS = "/v1/evaluation-jobs"


@pytest.fixture(name="live", scope="module")
def _live(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node with one repository, whose people and jobs are these tests' own."""
    environ = {"HANSE_RATE_API": "0", "HANSE_LOG_LEVEL": "warning"}
    with forked_node(mother, tmp_path_factory.mktemp("asked"), environ=environ) as node:
        with RawClient(node.port, ADMIN_TOKEN) as hub:
            assert hub.json("POST", "/api/repos/create", {"name": "logged", "type": "model"}).status == 200
            assert hub("POST", "/api/models/admin/logged/commit/main", commit_body(put_bytes("f.txt", b"1"))).status == 200
        yield node


@pytest.fixture(name="robot", scope="module")
def _robot(live: LiveNode) -> str:
    """Return the token of an organisation's robot that may ask for evaluations only; the organisation has a model."""
    with closing(Database(sqlite_url(live.data / "hanse.db"))) as database:
        create_org(database, SystemClock(), "lab", owner="admin")
        text = create_token(database, SystemClock(), "lab", "robot", role="evaluate", robot=True)[1]
    with RawClient(live.port, ADMIN_TOKEN) as admin:
        assert admin.json("POST", "/api/repos/create", {"name": "m", "organization": "lab", "type": "model"}).status == 200
    return text


@pytest.fixture(name="stranger", scope="module")
def _stranger(live: LiveNode) -> str:
    """Return the token of somebody who may read everything that is public."""
    with closing(Database(sqlite_url(live.data / "hanse.db"))) as database:
        create_user(database, SystemClock(), "stranger")
        create_org(database, SystemClock(), "other", owner="stranger")
        set_member(database, "other", "stranger", "admin")
        return create_token(database, SystemClock(), "stranger", "t")[1]


def test_asked_looked_at_and_called_off(live: LiveNode) -> None:
    """A job is answered with its bounds, the same is asked for once, and it is called off once."""
    with RawClient(live.port, ADMIN_TOKEN) as client:
        body = {"suite": "arithmetic", "maxSeconds": 60, "maxCost": 1.5, "pricePerHour": 3, "table": "public"}
        job = client.json("POST", ASK, body).json()
        assert (job["state"], job["max_seconds"], job["max_cost"]) == ("waiting", 60, 1.5)
        assert (job["item_table"], job["transcript"], job["cost"]) == ("public", "member", 0)
        assert client.json("POST", ASK, {"suite": "arithmetic"}).json()["id"] == job["id"]
        assert client("GET", f"{JOBS}/{job['id']}").json() == job
        assert job in client("GET", JOBS).json()
        assert client("DELETE", f"{JOBS}/{job['id']}").status == 200
        assert client("DELETE", f"{JOBS}/{job['id']}").status == 409
        unbounded = client.json("POST", ASK, {"suite": "canary"}).json()
        assert unbounded["max_seconds"] == 86400, "over HTTP there is always a bound"
        assert client("DELETE", f"{JOBS}/{unbounded['id']}").status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"suite": "no-such-suite"},
        {"suite": "../arithmetic"},
        {"suite": "arithmetic", "maxSeconds": -1},
        {"suite": "arithmetic", "maxSeconds": 10**9},
        {"suite": "arithmetic", "maxTokens": 10**10},
        {"suite": "arithmetic", "maxCost": 5},
        {"suite": "arithmetic", "maxCost": -5, "pricePerHour": 1},
        {"suite": "arithmetic", "maxCost": 1e300, "pricePerHour": 1},
        {"suite": "arithmetic", "table": "everybody"},
        {"suite": ["arithmetic"]},
    ],
    ids=str,
)
def test_what_is_refused(live: LiveNode, body: dict[str, object]) -> None:
    """Unknown suites and tiers, and bounds out of bounds, queue nothing."""
    with RawClient(live.port, ADMIN_TOKEN) as client:
        before = client("GET", JOBS).json()
        assert client.json("POST", ASK, body).status in (400, 404)
        assert client("GET", JOBS).json() == before


def test_a_robot_that_evaluates(live: LiveNode, robot: str, stranger: str) -> None:
    """A robot's token reads, asks and calls off for its own organisation and changes nothing; others see nothing."""
    with RawClient(live.port, robot) as client, RawClient(live.port, stranger) as other, RawClient(live.port) as nobody:
        assert client.json("POST", ASK, {"suite": "arithmetic"}).status == 403, "another's repository"
        asked = client.json("POST", "/api/models/lab/m/evaluations/main", {"suite": "arithmetic"})
        assert asked.status == 200, asked
        number = asked.json()["id"]
        assert client.json("POST", "/api/repos/create", {"name": "n", "organization": "lab", "type": "model"}).status == 403
        assert client.json("POST", "/api/models/lab/m/branch/x", {}).status == 403
        assert client("GET", "/api/whoami-v2").json()["auth"]["accessToken"]["role"] == "read"
        assert [one["id"] for one in client("GET", JOBS).json()] == [number]
        assert other("GET", JOBS).json() == []
        assert {other(method, f"{JOBS}/{number}").status for method in ("GET", "DELETE")} == {404}
        assert {nobody(method, f"{JOBS}/{number}").status for method in ("GET", "DELETE")} == {401}
        assert nobody.json("POST", ASK, {"suite": "arithmetic"}).status == 401
        assert other.json("POST", ASK, {"suite": "arithmetic"}).status == 403
        assert client("DELETE", f"{JOBS}/{number}").status == 200
        for odd in ("x", "-1", "1e3", "9" * 40):
            assert client("GET", f"{JOBS}/{odd}").status in (400, 404)


def test_a_job_of_a_repository_that_was_lost_sight_of(live: LiveNode, stranger: str) -> None:
    """Who may no longer see a repository learns neither its name nor what became of the job that he asked for there."""
    with RawClient(live.port, ADMIN_TOKEN) as admin, RawClient(live.port, stranger) as client:
        with closing(Database(sqlite_url(live.data / "hanse.db"))) as database:
            create_org(database, SystemClock(), "lost", owner="admin")
            set_member(database, "lost", "stranger", "write")
        assert admin.json("POST", "/api/repos/create", {"name": "p", "organization": "lost", "type": "model"}).status == 200
        number = client.json("POST", "/api/models/lost/p/evaluations/main", {"suite": "arithmetic"}).json()["id"]
        assert [one["id"] for one in client("GET", JOBS).json()] == [number]
        with closing(Database(sqlite_url(live.data / "hanse.db"))) as database:
            set_member(database, "lost", "stranger", None)
        assert admin.json("PUT", "/api/models/lost/p/settings", {"private": True}).status == 200
        assert client("GET", f"{JOBS}/{number}").status == 404
        assert client("GET", JOBS).json() == []
        assert admin("DELETE", f"{JOBS}/{number}").status == 200


def test_files_that_are_not_kept(live: LiveNode) -> None:
    """Without a record there is no file, whatever is asked and signed."""
    with RawClient(live.port) as nobody:
        for record in ("0" * 64, "x", "..%2F..%2Fnode.json"):
            for method, path in (("GET", f"{ASK}/{record}"), ("GET", f"{ASK}/{record}/table.jsonl")):
                assert nobody(method, path).status in (400, 404)
            assert nobody("POST", f"{ASK}/{record}/table.jsonl", b"{}").status == 400
            assert nobody("POST", f"{ASK}/{record}/table.jsonl", b"x" * 20_000).status == 413
