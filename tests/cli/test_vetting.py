"""`hanse suite vet`, `tools` and `log`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.clients import suite_wheel
from tests.support.labelled import ACTS, write_corpus
from tests.support.live import ADMIN_TOKEN, live_node
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

from hanse.cli.main import run

PICKLESCAN = f"{Path(sys.executable).with_name('picklescan')} -p {{file}}"


def test_own_scanner_and_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both get records by the same corpus, and the list checks and shows them side by side."""
    files = {"bad.pkl": (ACTS, "malicious"), "good.pkl": (b"\x80\x04].", "benign")}
    corpus, ours, other = str(write_corpus(tmp_path / "c", files)), str(tmp_path / "ours"), str(tmp_path / "other")
    assert run(["suite", "vet", "hanse", corpus, "--to", ours]) == 0
    assert "detects       1.000000, 95 % interval 0.025000 to 1.000000, of 1" in capsys.readouterr().out
    assert run(["suite", "vet", "picklescan", corpus, "--command", PICKLESCAN, "--to", other, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tool"]["name"], said["tool"]["version"], said["gaps"]) == ("picklescan", "unknown", ["tool.version"])
    assert said["rates"]["detection"]["value"] == "1.000000"
    assert run(["suite", "tools", ours, other]) == 0
    assert capsys.readouterr().out.count("not signed") == 2
    assert run(["suite", "tools", ours, other, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["tools"]
    assert first["corpus"] == second["corpus"]


def test_labels_and_the_scorer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels can be named; the refusal scorer has a corpus of its own."""
    corpus = str(write_corpus(tmp_path / "c"))
    flags = ["--detect", "malicious", "--detect", "malformed", "--pass", "benign"]
    assert run(["suite", "vet", "hanse", corpus, "--to", str(tmp_path / "a"), *flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rates"]["detection"]["n"] == 4
    assert run(["suite", "vet", "refusal", "--from", str(suite_wheel("pyrit")), "--to", str(tmp_path / "b")]) == 0
    assert "0.568807" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hanse"], "no corpus is named"),
        (["mine", "."], "not a tool that is known"),
        (["mine", ".", "--command", "scan it"], "not a tool that is known"),
        (["mine", ".", "--command", "scan '{file}"], "no command"),
        (["mine", ".", "--command", "scan {file}", "--seconds", "0"], "1 to 3,600 seconds"),
        (["hanse", "nowhere"], "labels.tsv"),
    ],
)
def test_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    """What is missing is said, and no record written."""
    assert run(["suite", "vet", *words, "--to", str(tmp_path / "r")]) == (2 if words == ["hanse"] else 1)
    assert says in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_tampered_records_are_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record whose table was changed ends the list with what is wrong."""
    assert run(["suite", "vet", "hanse", str(write_corpus(tmp_path / "c")), "--to", str(tmp_path / "r")]) == 0
    table = tmp_path / "r" / "table.jsonl"
    table.write_bytes(table.read_bytes().replace(b'"flagged"', b'"passed"', 1))
    assert run(["suite", "tools", str(tmp_path / "r")]) == 1
    assert "does not follow from its table" in capsys.readouterr().err


@pytest.mark.soak
def test_the_catalogue_of_a_node(tmp_path: Path) -> None:
    """A record about the labels in a data set is logged while the node runs, and listed from then on."""
    corpus = write_corpus(tmp_path / "c")
    with live_node(tmp_path) as node:
        with RawClient(node.port, ADMIN_TOKEN) as client:
            client.json("POST", "/api/repos/create", {"name": "d", "organization": "admin", "type": "dataset"})
            body = commit_body(put_bytes("labels.tsv", (corpus / "labels.tsv").read_bytes()))
            assert (
                client("POST", "/api/datasets/admin/d/commit/main", body, {"content-type": "application/x-ndjson"}).status == 200
            )
            origin = "".join(client("GET", "/log/checkpoint").body.decode().split("\n")[:1])
        assert _hanse(tmp_path, "vet", "hanse", str(corpus), "--to", str(tmp_path / "r"), "--as", origin)
        assert json.loads(_hanse(tmp_path, "log", str(tmp_path / "r"), "admin/d", "--data", str(node.data)))["payload"]
        (row,) = json.loads(_hanse(tmp_path, "tools", "--data", str(node.data), "--json"))["tools"]
    assert (row["tool"]["name"], row["corpus"]["items"], row["evaluator"]) == ("hanse", 7, origin)


def _hanse(home: Path, *words: str) -> str:
    environ = {"HANSE_HOME": str(home), "PYTHONPATH": "src", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "hanse", "suite", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
