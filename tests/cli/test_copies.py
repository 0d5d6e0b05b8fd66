"""`hanse copies` against a node: what its owner says about copies is logged, and nobody else may say it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode

from hanse.cli import remote
from hanse.cli.main import run

NAME = "admin/shy"


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with forked_node(mother, tmp_path_factory.mktemp("copies")) as node:
        yield node


@pytest.fixture(name="owner", autouse=True)
def _owner(node: LiveNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speak to the node as the owner of a gated repository."""
    for name in ("HF_HOME", "HF_TOKEN_PATH", "HANSE_NODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HANSE_HOME": str(tmp_path), "HF_ENDPOINT": node.url, "HF_TOKEN": ADMIN_TOKEN}.items():
        monkeypatch.setenv(name, value)


def _made(node: LiveNode, name: str) -> None:
    remote.ask("POST", f"{node.url}/api/repos/create", {"name": name.partition("/")[2], "visibility": "public"})
    remote.ask("PUT", f"{node.url}/api/models/{name}/settings", {"gated": "manual"})


def test_allowed_and_forbidden(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> None:
    """Copies of what is gated are forbidden until the owner allows them, and again once he takes it back."""
    _made(node, NAME)
    for flags, words in (
        ([], "may not hold copies\n"),
        (["--allow"], "may hold copies, for repair only\n"),
        ([], "may hold copies, for repair only\n"),
        (["--forbid"], "may not hold copies\n"),
    ):
        assert run(["copies", NAME, *flags]) == 0
        assert capsys.readouterr().out == f"models/{NAME}: members {words}"
    assert run(["copies", NAME, "--allow", "--json"]) == 0
    told = {"repo": f"models/{NAME}", "gated": "manual", "visibility": "public", "copies": True}
    assert json.loads(capsys.readouterr().out) == told
    assert run(["copies", NAME, "--allow", "--forbid"]) == 2
    assert run(["copies", f"{NAME}@main", "--allow"]) == 1


def test_only_who_owns_it(node: LiveNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who does not administer a repository may not say it, nor may anybody of a repository that nobody else sees."""
    _made(node, "admin/other")
    remote.ask("PUT", f"{node.url}/api/models/admin/other/settings", {"private": True})
    assert run(["copies", "admin/other", "--allow"]) == 1
    assert "not public" in capsys.readouterr().err
    assert run(["copies", "admin/other"]) == 0
    assert "is private: nobody holds copies" in capsys.readouterr().out
    remote.ask("PUT", f"{node.url}/api/models/admin/other/settings", {"private": False, "gated": False})
    assert run(["copies", "admin/other"]) == 0
    assert "rules for copies decide" in capsys.readouterr().out
    monkeypatch.delenv("HF_TOKEN")
    assert run(["copies", "admin/other", "--allow"]) == 1
