"""`hanse waive` on a node with a held file: on its own machine and from elsewhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.live import ADMIN_TOKEN, LiveNode, live_node
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.scanning import ODD, RULE, write_rules

from hanse.cli.main import run
from hanse.cli.waive import end_of
from hanse.errors import InputError

DIGEST = hashlib.sha256(ODD).hexdigest()
REPO = "admin/m"


@pytest.fixture(name="node", scope="module")
def _node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    folder = tmp_path_factory.mktemp("waive")
    ruleset = write_rules(folder / "rules.json", "suspicious")
    with live_node(folder, environ={"HANSE_SCAN_RULESET": str(ruleset)}) as node:
        with RawClient(node.port, ADMIN_TOKEN) as client:
            client.json("POST", "/api/repos/create", {"name": "m", "organization": "admin", "type": "model"})
            body = commit_body(put_bytes("x.gguf", ODD))
            assert client("POST", f"/api/models/{REPO}/commit/main", body, {"content-type": "application/x-ndjson"}).status == 200
        yield node


def _status(node: LiveNode) -> int:
    with RawClient(node.port) as nobody:
        return nobody("GET", f"/{REPO}/resolve/main/x.gguf").status


def _hanse(node: LiveNode, *arguments: str, remote: bool, token: str = ADMIN_TOKEN, named: bool = True) -> tuple[int, str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "hanse", "waive", "model", REPO, *arguments]
    command += ["--endpoint", node.url] if remote else ["--data", str(node.data)]
    environ = {"HANSE_HOME": str(node.folder), "HF_TOKEN": token, "PYTHONPATH": "src", "PATH": "/usr/bin:/bin"}
    environ |= {"HF_ENDPOINT": node.url} if named else {}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("remote", [False, True], ids=["here", "elsewhere"])
def test_a_waiver_comes_and_goes(node: LiveNode, *, remote: bool) -> None:
    """The command that the refusal prints lets others in at once; removing it shuts them out again."""
    assert _status(node) >= 400
    given = [DIGEST, "--rule", RULE, "--reason", "looked at by hand", "--until", "2027-06-30", "--json"]
    code, text = _hanse(node, *given, remote=remote)
    assert code == 0, text
    row = json.loads(text)[0]
    assert (row["sha256"], row["rules"], row["until"], row["reason"]) == (DIGEST, RULE, "2027-06-30", "looked at by hand")
    assert _status(node) == 200
    code, text = _hanse(node, "--remove", str(row["id"]), remote=remote)
    assert (code, text.strip()) == (0, "none")
    assert _status(node) >= 400


def test_strangers_are_told_no(node: LiveNode) -> None:
    """A refusal from elsewhere is printed in the node's words."""
    given = [DIGEST, "--rule", RULE, "--reason", "please", "--until", "2027-06-30"]
    code, text = _hanse(node, *given, remote=True, token="hf_nobody0123456789")
    assert code == 1
    assert "NotAllowed" in text


def test_a_token_is_not_told_to_everybody(node: LiveNode) -> None:
    """HF_TOKEN is for the server that HF_ENDPOINT names: another one that is given as --endpoint is asked without it."""
    given = [DIGEST, "--rule", RULE, "--reason", "please", "--until", "2027-06-30"]
    code, text = _hanse(node, *given, remote=True, named=False)
    assert code == 1
    assert "hanse login" in text


def test_an_endpoint_that_is_none(node: LiveNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is no address, and a node that is not there is a transport error."""
    for endpoint, code in (("file:///etc/passwd", "BadRequest"), ("http://127.0.0.1:1", "Peer")):
        assert run(["waive", "model", REPO, "--endpoint", endpoint]) == 1
        assert code in capsys.readouterr().err
    assert node.url
    assert tmp_path.exists()


def test_days() -> None:
    """A waiver holds to the end of its last day."""
    assert end_of("1970-01-02") == 2 * 86400 - 1
    with pytest.raises(InputError):
        end_of("soon")
