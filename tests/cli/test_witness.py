"""`hanse witness` and `hanse serve --witness-only`: commands on a data folder, and processes that cosign each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.forked import ForkedNode, Mother, forked_node
from tests.support.live import ADMIN_TOKEN, live_node
from tests.support.memorylog import MemoryLog
from tests.support.rawhttp import RawClient
from tests.support.served import until

from hanse.cli.main import run
from hanse.db.witnesses import origin_hash
from hanse.peers.client import PeerClient
from hanse.tlog.note import parse_note, parse_vkey
from hanse.tlog.tlogpolicy import parse_tlog_policy

WITNESS = "w.example.org/witness"


@pytest.fixture(name="home")
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mother: Mother) -> Path:
    """Return the home of a node that was started once."""
    with forked_node(mother, tmp_path, flags=("--origin", "hub.example.org")):
        pass
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    return tmp_path


def keys(text: str) -> dict[str, str]:
    """Return the keys that `hanse witness key` printed, by use."""
    return dict(line.split() for line in text.splitlines()[:3])


def test_keys(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three keys, named after the origin, and the commands by which others add them."""
    assert run(["witness", "key", "--url", "https://hub.example.org"]) == 0
    said = capsys.readouterr().out
    found = {use: parse_vkey(vkey) for use, vkey in keys(said).items()}
    assert {use: key.name for use, key in found.items()} == {
        "log": "hub.example.org",
        "witness": "hub.example.org/witness",
        "mirror": "hub.example.org/mirror",
    }
    assert len({key.public.fingerprint for key in found.values()}) == 3
    assert f"hanse witness log-add {found['log'].text} --url https://hub.example.org/log" in said


def test_cosigners(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A witness is added, shown, written into a policy for readers, and removed."""
    log = MemoryLog(origin="w.example.org")
    vkey = cosigner_vkey(log)
    assert run(["witness", "add", vkey, "https://w.example.org/witness"]) == 0
    assert run(["witness", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [(one["name"], one["kind"], one["size"]) for one in listed["cosigners"]] == [(WITNESS, "witness", 0)]
    assert run(["witness", "policy"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("note: two quorums need not share an honest witness: they share at least 1, of which 1 may lie")
    policy = parse_tlog_policy(printed.out)
    assert policy.satisfied(policy.counted)
    assert [key.key.name for key in policy.witnesses.values()] == [WITNESS]
    assert run(["witness", "policy", "--toml"]) == 0
    (home / "reader.toml").write_text(capsys.readouterr().out)
    assert run(["policy", "check", str(home / "reader.toml")]) == 0
    capsys.readouterr()
    assert run(["witness", "list"]) == 0
    assert WITNESS in capsys.readouterr().out
    assert run(["witness", "remove", WITNESS]) == 0
    assert run(["witness", "remove", WITNESS]) == 1
    assert run(["witness", "policy"]) == 1
    assert "no witness cosigners" in capsys.readouterr().err


def cosigner_vkey(log: MemoryLog, kind: str = "witness") -> str:
    """Return the key of a cosigner that is named after a log's origin."""
    from hanse.tlog.cosignature import cosigner_key

    return cosigner_key(f"{log.origin}/{kind}", log.signer.public).text


def test_what_cannot_be_added(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The own keys, keys of another kind, addresses that are none, and numbers of keys that nobody has are refused."""
    assert run(["witness", "key"]) == 0
    own = keys(capsys.readouterr().out)
    log = MemoryLog(origin="w.example.org")
    refused = [
        (["add", own["witness"], "https://hub.example.org/witness"], "this node itself"),
        (["add", log.vkey, "https://w.example.org/witness"], "0x04"),
        (["add", cosigner_vkey(log), "w.example.org"], "address"),
        (["add", "nonsense", "https://w.example.org"], "vkey"),
        (["add", cosigner_vkey(log), "https://w.example.org", cosigner_vkey(log, "other")], "one name"),
        (["log-add", own["log"]], "own log"),
        (["log-add", cosigner_vkey(log)], "0x01"),
        (["log-add", log.vkey, "--url", "file:///etc"], "address"),
        (["policy"], "no witness"),
        (["alarms", "--close", "7"], "no open alarm"),
        (["alarms", "--evidence", "7"], "no alarm"),
    ]
    for command, words in refused:
        assert run(["witness", *command]) == 1
        assert words in capsys.readouterr().err


def test_a_witness_that_is_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints how to add it, cosigns what it was told to, keeps its state over a kill, answers no hub, and stops cleanly."""
    log = MemoryLog()
    log.grow(9)
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    peers = PeerClient()
    with live_node(tmp_path, flags=("--witness-only", "--origin", "w.example.org")) as node:
        assert f"hanse witness add {WITNESS}+" in "".join(node.output)
        assert run(["witness", "log-add", log.vkey, "--data", str(node.data)]) == 0
        answer = peers.post(f"{node.url}/witness/add-checkpoint", log.request(0, 5), limit=10_000)
        assert answer.status == 200
        node.kill()
        node.start()
        assert peers.post(f"{node.url}/witness/add-checkpoint", log.request(0), limit=10_000).body == b"5\n"
        assert peers.post(f"{node.url}/witness/add-checkpoint", log.request(5), limit=10_000).status == 200
        note = parse_note(peers.get(f"{node.url}/witness/{origin_hash(log.origin)}/checkpoint", limit=10_000).body)
        assert [line.name for line in note.signatures] == [log.origin, WITNESS]
        statuses = {path: peers.get(f"{node.url}{path}", limit=10_000).status for path in PATHS}
        assert statuses == PATHS
        assert peers.post(f"{node.url}/witness/add-checkpoint", bytes(600_000), limit=10_000).status == 413
        assert peers.post(f"{node.url}/mirror/add-checkpoint", log.request(9, 9), limit=10_000).status == 404
        assert node.stop() == 0
    peers.close()
    capsys.readouterr()


PATHS = {
    "/healthz": 200,
    "/readyz": 200,
    "/witness/00/checkpoint": 404,
    "/mirror/00/checkpoint": 404,
    "/mirror/00/tile/0/000": 404,
    "/mirror/00/tile/nonsense": 404,
    "/api/models": 404,
    "/metrics": 404,
    "/": 404,
}


def test_a_witness_loads_nothing_of_the_hub() -> None:
    """No scanner, no pages, no numbers library: what a witness-only node imports stays small."""
    heavy = ("numpy", "jinja2", "alembic", "hanse.flows.publish", "hanse.scan", "hanse.web.hub", "hanse.jobs")
    probe = f"import sys, hanse.app_witness; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def test_two_nodes_cosign_each_other(mother: Mother, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the commands that each prints for the other, two whole nodes witness and mirror each other's logs by themselves."""
    homes = [tmp_path / name for name in ("a", "b")]
    for home in homes:
        home.mkdir()
    one, two = (ForkedNode(mother, home, flags=("--origin", f"{home.name}.example.org")) for home in homes)
    try:
        for node in (one, two):
            node.start()
        for node, other in ((one, two), (two, one)):
            run(["witness", "key", "--url", other.url, "--data", str(other.data)])
            for line in capsys.readouterr().out.splitlines():
                if line.startswith("    hanse "):
                    assert run([*line.split()[1:], "--data", str(node.data)]) == 0
        capsys.readouterr()
        with RawClient(one.port, ADMIN_TOKEN) as client:
            client("POST", "/api/repos/create", body=json.dumps({"name": "m"}).encode())
        until(lambda: _signers(one) == ["a.example.org", "b.example.org/mirror", "b.example.org/witness"])
        until(lambda: _signers(two) == ["b.example.org", "a.example.org/mirror", "a.example.org/witness"])
    finally:
        one.stop()
        two.stop()


def _signers(node: ForkedNode) -> list[str]:
    return [line.name for line in parse_note(node.get("/log/checkpoint")[1]).signatures]
