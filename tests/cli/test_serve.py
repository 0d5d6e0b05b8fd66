"""`hanse serve` as a person meets it: the first start, the next one, and a port that somebody else uses."""

from __future__ import annotations

import gc
import re
import socket
from pathlib import Path

import pytest
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient

from hanse.app import set_apart
from hanse.cli.main import run


class _Unprompted(ForkedNode):
    """A node that is told no administrator token."""

    environ_without = ("HANSE_ADMIN_TOKEN",)


def _name(node: ForkedNode, token: str) -> str:
    with RawClient(node.port, token) as client:
        return str(client("GET", "/api/whoami-v2").json()["name"])


def test_the_first_start_shows_a_token_once(mother: Mother, tmp_path: Path) -> None:
    """The administrator's token is printed by the first start, works, and is never printed again."""
    node = _Unprompted(mother, tmp_path)
    node.start()
    found = re.findall(r"^    (hf_[A-Za-z0-9]{34})$", (tmp_path / "node.out").read_text(), re.MULTILINE)
    assert len(found) == 1
    assert _name(node, found[0]) == "admin"
    node.stop()
    (tmp_path / "node.out").unlink()
    node.start()
    assert "hf_" not in (tmp_path / "node.out").read_text()
    assert _name(node, found[0]) == "admin"
    node.stop()


def test_the_environment_names_the_administrators_token(mother: Mother, tmp_path: Path) -> None:
    """HANSE_ADMIN_TOKEN is the administrator's token when the first start finds it."""
    node = ForkedNode(mother, tmp_path)
    node.start()
    assert _name(node, ADMIN_TOKEN) == "admin"
    node.stop()


def test_a_taken_port_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the address, also one that is none, and the remedy, and nothing is made."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["serve", "--port", str(port)]) == 1
        assert run(["serve", "--port", "0", "--host", "xn--ß.."]) == 1
    said = capsys.readouterr().err
    assert "cannot listen on xn--ß..:0" in said
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "choose another --port" in said
    assert not (tmp_path / "node").exists()


def test_what_a_start_made_is_set_apart() -> None:
    """Later garbage collections leave out what is there when a node begins to serve."""
    try:
        set_apart()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
