"""What unmodified clients do about refusals of a gateway: cached or not, by file or snapshot, by client version."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.services.clients import client_python
from tests.support.gateways import until
from tests.support.rawhttp import RawClient, Reply
from tests.support.wholegateway import whole_gateway

from hanse.app_gateway import Gateway
from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin

NAME = "org/m"
CLIENTS = ("hub2", "hub1", "hub0")
GOOD = {"config.json": b'{"model_type": "bert"}', "README.md": b"# good\n"}
EVIL = b"cposix\nsystem\n(S'id'\ntR."
"""A pickle that runs a command."""
_ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from huggingface_hub import hf_hub_download, snapshot_download
found = {}
for how in sys.argv[2:]:
    kind, _, rev = how.partition("@")
    try:
        if kind == "file":
            path = hf_hub_download(sys.argv[1], "config.json", revision=rev or None)
        else:
            path = snapshot_download(sys.argv[1], revision=rev or None) + "/config.json"
        found[how] = {"bytes": open(path).read()}
    except Exception as error:
        found[how] = {"error": type(error).__name__, "text": str(error)}
print(json.dumps(found))
"""
Asked = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Refusing:
    """Two gateways over one store that refuse the newest revision: programs of one have the older one in their cache."""

    with_copies: Gateway
    without: Gateway
    older: str


def _ask(gateway: Gateway, client: str, *hows: str, **extra: str) -> Any:
    command = [str(client_python(client)), "-c", textwrap.dedent(_ASK), NAME, *hows]
    done = subprocess.run(command, env={**gateway.env, **extra}, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(name="refusing", scope="module")
def _refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    home = tmp_path_factory.mktemp("refusing")
    with (
        HubOrigin({NAME: GOOD}) as origin,
        whole_gateway(home, upstream=origin.url) as copies,
        whole_gateway(home, upstream=origin.url, caches=home / "other") as without,
    ):
        older = origin.repo(NAME).newest.rev
        assert "bytes" in _ask(copies, "hub2", "snapshot")["snapshot"]
        origin.commit(NAME, {**GOOD, "evil.pkl": EVIL})
        _learn(copies)
        yield Refusing(copies, without, older)


def _learn(gateway: Gateway) -> None:
    """Ask for the file that is malicious, once the gateway sees the new revision: the first time it has to be scanned."""
    secret = gateway.url.rpartition("/")[2]
    with RawClient(gateway.port, timeout=200) as client:
        replies: list[Reply] = []

        def refused() -> bool:
            replies.append(client("GET", f"/{secret}/{NAME}/resolve/main/evil.pkl"))
            return replies[-1].headers.get("x-error-code") != "EntryNotFound"

        until(refused)
    assert (replies[-1].status, replies[-1].headers["x-error-code"]) == (404, "RevisionNotFound"), replies[-1]
    assert "system" in replies[-1].headers["x-error-message"]


@pytest.fixture(
    name="answers", scope="module", params=[CLIENTS[0], *(pytest.param(one, marks=pytest.mark.soak) for one in CLIENTS[1:])]
)
def _answers(refusing: Refusing, request: pytest.FixtureRequest) -> tuple[Asked, Asked]:
    """Return what one client version got with and without a copy."""
    client = request.param
    fresh = str(refusing.without.options.caches / client)
    pinned = [f"{how}@{refusing.older}" for how in ("file", "snapshot")]
    return (
        _ask(refusing.with_copies, client, "file", "snapshot", *pinned),
        _ask(refusing.without, client, "file", "snapshot", *pinned, HF_HUB_CACHE=fresh),
    )


@pytest.mark.parametrize("how", ["file", "snapshot"])
@pytest.mark.parametrize("cached", [True, False])
def test_a_refused_revision_reaches_nobody(answers: tuple[Asked, Asked], how: str, cached: bool) -> None:
    """With an older copy or without, by file or snapshot, the call ends in an error that says what was found."""
    found = answers[0 if cached else 1][how]
    assert "bytes" not in found, found
    assert "evil.pkl" in found["text"], found


@pytest.mark.parametrize("how", ["file", "snapshot"])
def test_another_revision_is_not_refused(answers: tuple[Asked, Asked], refusing: Refusing, how: str) -> None:
    """The older revision, which has no such file, is given by its commit id all the while."""
    for found in answers:
        assert found[f"{how}@{refusing.older}"] == {"bytes": GOOD["config.json"].decode()}


@pytest.mark.parametrize("client", [CLIENTS[0], *(pytest.param(one, marks=pytest.mark.soak) for one in CLIENTS[1:])])
def test_a_hub_that_talks_nonsense_is_asked_once(client: str, tmp_path: Path) -> None:
    """Where asking again brings the same, both calls end with the reason; the origin hears each question once and no repeats."""
    with HubOrigin({NAME: GOOD}) as origin, whole_gateway(tmp_path, upstream=origin.url) as gateway:
        origin.faults.set(Fault.NOT_JSON)
        found = _ask(gateway, client, "file", "snapshot")
        assert all("something else than a Hub" in one["text"] for one in found.values()), found
        assert [one.target for one in origin.requests] == [f"/api/models/{NAME}/revision/main"] * len(found)


def test_the_person_is_told_once(refusing: Refusing, answers: tuple[Asked, Asked]) -> None:
    """The session tells of the refusal, however often it was asked."""
    assert answers
    refused = refusing.with_copies.summary().refused
    assert {one.repo for one in refused} == {NAME}
    assert len(refused) <= 2
