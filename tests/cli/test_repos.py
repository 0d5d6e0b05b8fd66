"""Operators' commands about deleted repositories, run beside a serving node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode

from hanse.cli.main import run

Hanse = Callable[..., tuple[int, str]]


@pytest.fixture(name="node")
def _node(mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    with forked_node(mother, tmp_path) as node:
        yield node


@pytest.fixture(name="hanse")
def _hanse(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> Hanse:
    """Return a function that runs `hanse admin repo …` and returns its exit code and what it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        code = run(["admin", "repo", *arguments, "--data", str(node.data)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def _client(node: LiveNode, tmp_path: Path, code: str) -> None:
    environ = node.client_env(tmp_path / "home", xet=False)
    script = f"from huggingface_hub import HfApi\napi = HfApi()\n{code}"
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, timeout=120, capture_output=True)


def _states(hanse: Hanse, *arguments: str) -> list[tuple[str, str, str]]:
    code, text = hanse("list", "--json", *arguments)
    assert code == 0
    return [(row["type"], row["name"], row["state"]) for row in json.loads(text)]


@pytest.mark.soak
def test_deleted_restored_deleted_erased(node: LiveNode, hanse: Hanse, tmp_path: Path) -> None:
    """While the node serves, a deletion is undone and the file is served again; erasing asks for a deletion and for --yes."""
    _client(
        node, tmp_path, "api.create_repo('admin/m')\napi.upload_file(repo_id='admin/m', path_in_repo='c', path_or_fileobj=b'{}')"
    )
    code, text = hanse("erase", "model", "admin/m", "--yes")
    assert (code, "hint: delete it first" in text) == (1, True)
    _client(node, tmp_path, "api.delete_repo('admin/m')")
    assert _states(hanse) == [("model", "admin/m", "retired")]
    assert _states(hanse, "--state", "live") == []
    code, text = hanse("restore", "model", "admin/m")
    assert (code, text) == (0, "model admin/m is live again (public)\n")
    assert node.get("/admin/m/resolve/main/c")[1] == b"{}"
    _client(node, tmp_path, "api.delete_repo('admin/m')")
    code, text = hanse("erase", "model", "admin/m")
    assert (code, "hint: add --yes" in text) == (1, True)
    code, text = hanse("erase", "model", "admin/m", "--yes")
    assert (code, text) == (0, "model admin/m (number 1) is erased\n")
    assert _states(hanse) == [("model", "admin/m", "erased")]
    code, text = hanse("restore", "model", "admin/m")
    assert (code, text.startswith("NotFound: ")) == (1, True)
    assert run(["admin", "fsck", "--data", str(node.data)]) == 0
