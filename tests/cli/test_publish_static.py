"""`hanse publish-static` beside a serving node: what it says, and that a verified copy comes from the folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.proxies import nginx_files

from hanse.cli.main import run


def test_beside_a_serving_node(
    mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is written while the node serves, and again at no cost; what is in the way or not there is refused."""
    with forked_node(mother, tmp_path, flags=("--origin", "c.example")) as node:
        monkeypatch.setenv("HANSE_HOME", str(node.folder))
        words = ["publish-static", str(tmp_path / "site"), "--data", str(node.data)]
        assert run([*words, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["index"]["origin"], told["repos"], told["left_out"]) == ("c.example", [], [])
        assert run(words) == 0
        assert "0 repositories and a log of" in capsys.readouterr().out
        assert run(["publish-static", str(tmp_path), "--data", str(node.data)]) == 1
        assert "other things" in capsys.readouterr().err
        with nginx_files(tmp_path / "site", tmp_path / "nginx") as url:
            assert run(["log", "check", f"{url}/log"]) == 0
