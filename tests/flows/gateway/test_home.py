"""Whom a user's own token is told, and whom not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hanse.errors import BadToken, NotAuthenticated, PeerMisbehaved
from hanse.flows.gateway.home import Home, choose_home, foreign_tokens, same_server
from hanse.peers.client import Answer

HOME = "http://node.example"


class _Server:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = Answer(status, "application/json", body)
        self.asked: list[tuple[str, str]] = []

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer."""
        assert limit < 1 << 20
        self.asked.append((url, (headers or {}).get("authorization", "")))
        return self.answer


def test_the_home() -> None:
    """HF_ENDPOINT as it was comes first, then the first node, then the upstream."""
    assert choose_home("http://a/", ("http://b", "http://c"), "http://d") == "http://a"
    assert choose_home("", ("http://b", "http://c"), "http://d") == "http://b"
    assert choose_home("", (), "http://d") == "http://d"
    assert choose_home("", (), None) == ""
    assert same_server("HTTP://A.example/x/", "http://a.example/x")
    assert not same_server("https://a.example", "http://a.example")
    assert not same_server("http://a.example", "http://[")


def test_what_clients_send_by_themselves_is_for_the_public_hub(tmp_path: Path) -> None:
    """Neither HF_TOKEN nor the file of `hf auth login` is told to a server unless HF_ENDPOINT, HANSE_NODE or a login names it."""
    (tmp_path / "token").write_text("hf_file\n")
    environ = {"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_env ", "HUGGING_FACE_HUB_TOKEN": "hf_old"}
    everything = {"hf_file", "hf_env", "hf_old"}
    assert foreign_tokens(environ, HOME) == everything
    assert foreign_tokens({**environ, "HF_ENDPOINT": "http://other.example", "HANSE_NODE": "http://b"}, HOME) == everything
    assert foreign_tokens({**environ, "HANSE_NODE": f"http://b.example, {HOME}"}, HOME) == everything
    assert foreign_tokens(environ, "https://huggingface.co") == set()
    assert foreign_tokens({**environ, "HF_ENDPOINT": f"{HOME}/"}, HOME) == set()
    assert foreign_tokens({**environ, "HANSE_NODE": f"{HOME}/ http://b.example"}, HOME) == {"hf_file"}
    assert foreign_tokens(environ, HOME, "hf_env") == {"hf_file", "hf_old"}
    home = Home(HOME, _Server(200, b"{}"), foreign_tokens(environ, HOME))
    assert [home.own(one) for one in ("hf_file", "hf_env", "hf_mine", "")] == ["", "", "hf_mine", ""]


def test_whoami_is_asked_once_a_minute() -> None:
    """The home is asked with the token; soon after, it is not asked again; another token is another question."""
    server = _Server(200, b'{"name": "alice"}')
    home = Home(HOME, server)
    assert [home.whoami("t1")["name"] for _ in range(3)] == ["alice"] * 3
    home.whoami("t2")
    assert server.asked == [(f"{HOME}/api/whoami-v2", "Bearer t1"), (f"{HOME}/api/whoami-v2", "Bearer t2")]


def test_whoami_refused() -> None:
    """No token, no home, an unknown token and nonsense are told apart."""
    for home, token in ((Home("", _Server(200, b"{}")), "t"), (Home(HOME, _Server(200, b"{}")), "")):
        with pytest.raises(NotAuthenticated):
            home.whoami(token)
    with pytest.raises(BadToken):
        Home(HOME, _Server(401, b"")).whoami("t")
    for answer in (_Server(200, b"[]"), _Server(200, b"{"), _Server(500, b"{}")):
        with pytest.raises(PeerMisbehaved):
            Home(HOME, answer).whoami("t")
