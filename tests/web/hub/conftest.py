"""A live node with three people on it, and the newest Hub client in this process."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows.accounts import create_org, create_token, create_user, set_member

# The client reads these when it is imported.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="hanse-hub-client-")
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import huggingface_hub
from huggingface_hub import HfApi

PART_BYTES = 5 * 1024 * 1024
_numbers = itertools.count(1)


@dataclass(frozen=True)
class People:
    """A live node and the tokens of those who use it; carol may only read, with a read token."""

    node: LiveNode
    bob: str
    carol: str
    clients: dict[str, RawClient] = field(default_factory=dict)

    def api(self, token: str | bool = ADMIN_TOKEN) -> HfApi:
        """Return a client that speaks for the owner of a token; False for nobody."""
        return HfApi(endpoint=self.node.url, token=token)

    def raw(self, token: str = ADMIN_TOKEN) -> RawClient:
        """Return a client that sends what it is told."""
        return self.clients.setdefault(token, RawClient(self.node.port, token))


@pytest.fixture(name="people", scope="package")
def _people(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    environ = {"HANSE_LFS_PART_BYTES": str(PART_BYTES)}
    with forked_node(mother, tmp_path_factory.mktemp("node"), environ=environ) as node:
        database, clock = Database(sqlite_url(node.data / "hanse.db")), SystemClock()
        create_user(database, clock, "bob", email="bob@example.org")
        create_user(database, clock, "carol")
        create_org(database, clock, "uni", owner="admin")
        set_member(database, "uni", "bob", "write")
        tokens = create_token(database, clock, "bob", "t")[1], create_token(database, clock, "carol", "t", role="read")[1]
        database.close()
        people = People(node, *tokens)
        yield people
        for client in people.clients.values():
            client.close()
        assert node.stop() == 0, node.log()


@pytest.fixture(name="api")
def _api(people: People) -> HfApi:
    """Return the administrator's client."""
    return people.api()


@pytest.fixture(name="bob")
def _bob(people: People) -> HfApi:
    """Return bob's client."""
    return people.api(people.bob)


@pytest.fixture(name="repo")
def _repo(request: pytest.FixtureRequest, api: HfApi) -> str:
    """Return a new model repository of the test's own."""
    name = f"admin/{request.node.originalname}.{next(_numbers)}"
    api.create_repo(name)
    return name


@pytest.fixture(name="xet", params=["xet", "plain"])
def _xet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with Xet and without."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", request.param == "plain")
    return str(request.param)


@pytest.fixture(name="plain")
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test without Xet."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
