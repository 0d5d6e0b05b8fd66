"""What unmodified clients do about withheld files: refused, cached or not, by file or snapshot, by client version."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.clients import Client, ClientFailed
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.scanning import ODD, RULE, write_rules

HELD, RECALLED = "admin/held", "admin/recalled"
GOOD = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
"""A GGUF file of version 3 without tensors or metadata."""
CLIENTS = ("hub2", "hub1", "hub0")
EACH = ["hub2", *(pytest.param(name, marks=pytest.mark.soak) for name in CLIENTS[1:])]
_ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from huggingface_hub import hf_hub_download, snapshot_download
repo, how, rev = sys.argv[1:4]
try:
    if how == "file":
        path = hf_hub_download(repo, "x.gguf", revision=rev or None)
    else:
        path = snapshot_download(repo, revision=rev or None) + "/x.gguf"
    print(json.dumps({"bytes": open(path, "rb").read().decode("latin-1")}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "text": str(error)}))
"""


@dataclass(frozen=True)
class Withheld:
    """A node that began to withhold files after clients had cached them; the revision that they have of `RECALLED`."""

    node: LiveNode
    homes: Path
    rev: str


def _commit(node: LiveNode, repo: str, data: bytes) -> str:
    with RawClient(node.port, ADMIN_TOKEN) as client:
        client.json("POST", "/api/repos/create", {"name": repo.partition("/")[2], "organization": "admin", "type": "model"})
        body = commit_body(put_bytes("x.gguf", data))
        reply = client("POST", f"/api/models/{repo}/commit/main", body, {"content-type": "application/x-ndjson"})
    assert reply.status == 200, reply
    return str(reply.json()["commitOid"])


def _ask(withheld: Withheld, client: str, repo: str, how: str, *, cached: bool, rev: str = "") -> dict[str, Any]:
    home = withheld.homes / f"{client}-cached" if cached else withheld.homes / f"{client}-{repo[6:]}-{how}-fresh"
    found: dict[str, Any] = Client(client, withheld.node, home, token="").python(_ASK, repo, how, rev)
    return found


@pytest.fixture(name="withheld", scope="module")
def _withheld(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Withheld]:
    folder = tmp_path_factory.mktemp("withheld")
    ruleset = write_rules(folder / "rules.json", "caution")
    node = LiveNode(folder, environ={"HANSE_SCAN_RULESET": str(ruleset)})
    node.start()
    rev = _commit(node, RECALLED, ODD)
    _commit(node, HELD, GOOD)
    made = Withheld(node, folder / "homes", rev)
    for client in CLIENTS:
        for repo in (RECALLED, HELD):
            assert "bytes" in _ask(made, client, repo, "snapshot", cached=True)
    assert node.stop() == 0
    write_rules(ruleset, "suspicious")
    node.start()
    _commit(node, HELD, ODD)
    _wait_until_settled(node)
    yield made
    node.stop()


def _wait_until_settled(node: LiveNode) -> None:
    deadline = time.monotonic() + 150
    with RawClient(node.port, ADMIN_TOKEN) as client:
        while not client("GET", f"/api/models/{HELD}?securityStatus=true").json()["securityRepoStatus"]["scansDone"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("how", ["file", "snapshot"])
@pytest.mark.parametrize("repo", [HELD, RECALLED])
@pytest.mark.parametrize("name", EACH)
def test_nothing_cached(withheld: Withheld, name: str, repo: str, how: str) -> None:
    """Without a copy every call ends in an error that says which rule is the reason."""
    found = _ask(withheld, name, repo, how, cached=False)
    assert "bytes" not in found
    assert RULE in found["text"], json.dumps(found)


@pytest.mark.parametrize("how", ["file", "snapshot"])
@pytest.mark.parametrize("name", EACH)
def test_a_recalled_file_is_not_answered_from_the_cache(withheld: Withheld, name: str, how: str) -> None:
    """Whoever has a copy from before the recall is stopped all the same, and told why."""
    found = _ask(withheld, name, RECALLED, how, cached=True)
    assert "bytes" not in found
    assert RULE in found["text"], json.dumps(found)


@pytest.mark.parametrize("name", EACH)
def test_a_pinned_copy_is_beyond_reach(withheld: Withheld, name: str) -> None:
    """A commit id that is cached is never asked for: `hanse audit` is for that."""
    assert _ask(withheld, name, RECALLED, "file", cached=True, rev=withheld.rev)["bytes"].encode("latin-1") == ODD


@pytest.mark.parametrize("how", ["file", "snapshot"])
@pytest.mark.parametrize("name", EACH)
def test_a_held_file_never_reaches_a_cache(withheld: Withheld, name: str, how: str) -> None:
    """Where an older, good file is cached, a client may go on with that one; never with the held one."""
    found = _ask(withheld, name, HELD, how, cached=True)
    assert found.get("bytes", GOOD.decode()) == GOOD.decode()


@pytest.mark.parametrize("name", EACH[:2])
def test_the_command_says_why(withheld: Withheld, name: str, tmp_path: Path) -> None:
    """`hf download` prints the reason, whatever it makes of the refusal."""
    with pytest.raises(ClientFailed, match=RULE):
        Client(name, withheld.node, tmp_path / "home", token="").hf("download", HELD)
    with pytest.raises(ClientFailed, match=RULE):
        Client(name, withheld.node, tmp_path / "home", token="").hf("download", RECALLED)


def test_an_upload_learns_why_it_is_refused(withheld: Withheld, tmp_path: Path) -> None:
    """`hf upload` prints file, finding, remedy and the command that would let it pass."""
    folder = tmp_path / "strict"
    folder.mkdir()
    ruleset = write_rules(folder / "rules.json", "malicious")
    node = LiveNode(folder, environ={"HANSE_SCAN_RULESET": str(ruleset)})
    node.start()
    (tmp_path / "x.gguf").write_bytes(ODD)
    for client in ("hub2", "hub1"):
        with pytest.raises(ClientFailed) as refusal:
            Client(client, node, tmp_path / f"home-{client}").hf("upload", "admin/m", tmp_path / "x.gguf")
        text = " ".join(str(refusal.value).split())
        for words in ("'x.gguf' is malicious", RULE, "Remedy:", "hanse waive model admin/m", "--until"):
            assert words in text, text
    node.stop()
    assert withheld.rev


def test_the_client_shows_the_fields(withheld: Withheld, tmp_path: Path) -> None:
    """`securityFileStatus` and `securityRepoStatus` come out as the client's own objects."""
    code = f"""
    import json
    from huggingface_hub import HfApi
    api = HfApi()
    (file,) = api.get_paths_info("{HELD}", ["x.gguf"], expand=True)
    info = api.model_info("{HELD}", securityStatus=True)
    print(json.dumps([file.security.status, file.security.safe, info.security_repo_status]))
    """
    found = Client("hub2", withheld.node, tmp_path / "home").python(code)
    assert found[:2] == ["suspicious", False]
    assert found[2]["scansDone"] is True
    assert {"path": "x.gguf", "level": "suspicious"} in found[2]["filesWithIssues"]
