"""Tokens: each for its own server, in a file that nobody else can read. Logging in is proved in tests/cli/test_login.py."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanse.errors import InputError, StorageError
from hanse.flows.credentials import Credentials, address_of, log_in

HUB, NODE = "https://huggingface.co", "https://models.example.org"


@pytest.fixture(name="kept")
def _kept(tmp_path: Path) -> Credentials:
    """Return credentials with tokens for two servers."""
    made = Credentials(tmp_path / "home", {})
    made.store("models.example.org", "hf_node\n")
    made.store("http://127.0.0.1:8080/", "hf_local")
    return made


def test_a_token_is_for_one_server(kept: Credentials) -> None:
    """Scheme, host and port must be the same; by the name of an origin it is found, too."""
    assert kept.token_for(NODE) == kept.token_for(f"{NODE}/api/x") == kept.token_for("models.example.org") == "hf_node"
    assert kept.token_for("http://127.0.0.1:8080") == kept.token_for("127.0.0.1-8080") == "hf_local"
    for other in (
        "http://models.example.org",
        f"{NODE}:8443",
        "https://models.example.org.evil.example",
        "https://evil.example",
        "https://example.org",
        "http://127.0.0.1:8081",
        HUB,
        "evil.example",
    ):
        assert kept.token_for(other) == ""


def test_the_file(kept: Credentials, tmp_path: Path) -> None:
    """Nobody else can read it; if somebody could, its tokens are not used."""
    path = tmp_path / "home" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(StorageError, match="open to others"):
        kept.token_for(NODE)
    path.chmod(0o600)
    for nonsense in ("", "[]", '{"tokens": 3}', "{" * 100_000):
        path.write_text(nonsense)
        with pytest.raises(StorageError):
            kept.token_for(NODE)


def test_forgetting(kept: Credentials) -> None:
    """What was forgotten is gone, the rest stays."""
    assert kept.forget(NODE)
    assert not kept.forget(NODE)
    assert kept.kept() == ("http://127.0.0.1:8080",)


def test_two_at_once(tmp_path: Path) -> None:
    """Tokens that are kept at the same time do not overwrite one another."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Credentials(tmp_path, {}).store(f"h{n}.example.org", f"t{n}"), range(16)))
    assert len(Credentials(tmp_path, {}).kept()) == 16


@pytest.mark.parametrize("bad", ["", "a b", "a\nb", "ü", "x" * 5000])
def test_what_is_no_token(kept: Credentials, bad: str) -> None:
    """A token is one word; a header cannot be smuggled in with it."""
    with pytest.raises(InputError):
        kept.store(NODE, bad)


def test_tokens_of_other_clients(tmp_path: Path) -> None:
    """HF_TOKEN is for the server that HF_ENDPOINT or HANSE_NODE names; without HF_ENDPOINT that is the public hub."""
    token = {"HF_TOKEN": "hf_env"}
    assert Credentials(tmp_path, token).token_for(HUB) == "hf_env"
    assert Credentials(tmp_path, token).token_for(NODE) == ""
    assert Credentials(tmp_path, token | {"HF_ENDPOINT": f"{NODE}/"}).token_for(f"{NODE}/api") == "hf_env"
    assert Credentials(tmp_path, token | {"HF_ENDPOINT": NODE}).token_for(HUB) == ""
    assert Credentials(tmp_path, token | {"HANSE_NODE": NODE}).token_for(NODE) == "hf_env"
    (tmp_path / "token").write_text("hf_file\n")
    assert Credentials(tmp_path, {"HF_HOME": str(tmp_path)}).token_for(HUB) == "hf_file"
    assert Credentials(tmp_path, {"HF_HOME": str(tmp_path), "HANSE_NODE": NODE}).token_for(NODE) == ""


def test_addresses() -> None:
    """The name of an origin means https; a token does not go over the internet in the clear."""
    assert address_of("models.example.org") == NODE
    with pytest.raises(InputError):
        address_of("ftp://models.example.org")
    with pytest.raises(InputError, match="in the clear"):
        log_in(Credentials(Path("/nowhere"), {}), "http://8.8.8.8", "hf_x")
