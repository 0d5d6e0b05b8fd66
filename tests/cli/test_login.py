"""`hanse login` and `hanse logout` against a node."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.served import scripted

from hanse.cli import remote
from hanse.cli.main import run


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with forked_node(mother, tmp_path_factory.mktemp("login")) as node:
        yield node


@pytest.fixture(name="user", autouse=True)
def _user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a user who is logged in nowhere."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HANSE_NODE", "HF_HOME", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def _login(monkeypatch: pytest.MonkeyPatch, place: str, token: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    return run(["login", place, "--token-stdin"])


def test_in_and_out(node: LiveNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The node is asked whose token it is; from then on commands speak as him, until he logs out."""
    address = f"{node.url}/api/whoami-v2"
    assert _login(monkeypatch, node.url, ADMIN_TOKEN) == 0
    assert "as admin" in capsys.readouterr().out
    assert remote.ask("GET", address)["name"] == "admin"
    assert run(["logout", node.url]) == 0
    assert run(["logout", node.url]) == 1
    with pytest.raises(Exception, match="needs a token"):
        remote.ask("GET", address)


def test_a_token_that_the_server_does_not_know(node: LiveNode, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not kept; nor is one for a server that is not there, nor is one asked for where nobody can answer."""
    assert _login(monkeypatch, node.url, "hf_nobody0123456789") == 1
    assert _login(monkeypatch, "http://127.0.0.1:1", "hf_x") == 1
    assert run(["login", node.url]) == 1
    assert not (user / "credentials.json").exists()


def test_another_server_is_not_told(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for one server is not sent to another, whatever command names that."""
    assert _login(monkeypatch, node.url, ADMIN_TOKEN) == 0
    with scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}") as (stranger, requests):
        assert remote.ask("GET", f"{stranger}/x") == {}
    assert b"authorization" not in requests[0].lower()
