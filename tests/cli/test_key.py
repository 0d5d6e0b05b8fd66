"""`hanse key` on a node that was started once, and on files without a node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.app import opened_node
from hanse.cli.main import run
from hanse.flows.keyring import USES
from hanse.keys.files import generate, put_new
from hanse.model.publickey import PublicKey, Scheme
from hanse.settings import load
from hanse.tlog.note import parse_vkey

Hanse = Callable[..., tuple[int, str]]


@pytest.fixture(name="home")
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home folder of a node that was started once."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    start(tmp_path)
    return tmp_path


def start(home: Path) -> None:
    """Start the node and stop it again."""
    with opened_node(load({"scan": "off"}, {"HANSE_HOME": str(home)})) as node, node.db.read():
        pass


@pytest.fixture(name="hanse")
def _hanse(home: Path, capsys: pytest.CaptureFixture[str]) -> Hanse:
    """Return a function that runs `hanse key …` and returns its exit code and what it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        code = run(["key", *arguments])
        captured = capsys.readouterr()
        return code, (captured.out + captured.err).strip()

    return call


def test_list_show_export(hanse: Hanse, home: Path) -> None:
    """All five keys are listed by fingerprint; one is shown with its place and exported as PEM and as a verifier key."""
    rows = json.loads(hanse("list", "--json")[1])
    assert {row["use"] for row in rows} == set(USES)
    assert {row["state"] for row in rows} == {"active"}
    for use in USES:
        shown = json.loads(hanse("show", use, "--json")[1])[0]
        assert shown["kept in"] == str(home / "node" / "keys" / f"{use}.key")
        public = PublicKey.from_pem(hanse("export", use)[1])
        assert public.fingerprint == shown["fingerprint"] == next(row["fingerprint"] for row in rows if row["use"] == use)
        code, text = hanse("export", use, "--vkey")
        if use in {"attest", "ref"}:
            assert code == 1
            assert "signs no notes" in text
        else:
            assert parse_vkey(text).public == public
            assert text == shown["verifier key"]
    assert "fingerprint:" in hanse("show", "log")[1]


def test_fingerprints_of_files(home: Path, hanse: Hanse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public and private PEM, encrypted or not, and verifier keys have the fingerprint that openssl gives."""
    code, pem = hanse("export", "log")
    path = home / "log.pem"
    path.write_text(pem + "\n")
    command = f"openssl pkey -pubin -in {path} -outform DER | sha256sum"
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout[:64]
    (home / "log.vkey").write_text(hanse("export", "log", "--vkey")[1] + "\n")
    files = (path, home / "log.vkey", home / "node" / "keys" / "log.key")
    assert [hanse("fingerprint", str(file)) for file in files] == [(0, told)] * 3
    secret = generate(Scheme.ECDSA_P256)
    put_new(home / "secret.pem", secret.pem("correct horse"))
    assert hanse("fingerprint", str(home / "secret.pem"))[0] == 1
    monkeypatch.setenv("HANSE_KEY_PASSPHRASE", "correct horse")
    assert hanse("fingerprint", str(home / "secret.pem")) == (0, secret.public.fingerprint)
    for name, content in (("empty", b""), ("binary", b"\xff\xfe"), ("text", b"hello")):
        (home / name).write_bytes(content)
        code, text = hanse("fingerprint", str(home / name))
        assert (code, "neither" in text) == (1, True)
    assert hanse("fingerprint", str(home / "nowhere"))[0] == 1


def test_rotate_and_distrust(hanse: Hanse, home: Path) -> None:
    """A key is rotated, the node started again, the old key distrusted; each step is in the list."""
    old = json.loads(hanse("show", "ref", "--json")[1])[0]["fingerprint"]
    code, text = hanse("rotate", "ref")
    assert code == 0, text
    assert "restart" in text
    assert (home / "node" / "keys" / f"ref.key.{old[:16]}").exists()
    start(home)
    assert json.loads(hanse("show", "ref", "--json")[1])[0]["fingerprint"] != old
    code, text = hanse("distrust", old[:10], "--after", "0")
    assert (code, "name --after" in text) == (1, True), text
    assert hanse("distrust", old[:10], "--after", "0", "--with-successors")[0] == 0
    states = {row["fingerprint"]: row["state"] for row in json.loads(hanse("list", "--json")[1]) if row["use"] == "ref"}
    assert states.pop(old) == "distrusted"
    assert list(states.values()) == ["active"]
    assert hanse("distrust", "0" * 64, "--after", "0")[0] == 1


def test_lost(hanse: Hanse, home: Path) -> None:
    """A lost key is replaced only where it is lost; the node starts again with what is there now."""
    assert hanse("rotate", "attest", "--lost")[0] == 1
    assert hanse("rotate", "attest", "--lost", "--to", "x.pem")[0] == 1
    (home / "node" / "keys" / "attest.key").unlink()
    code, text = hanse("rotate", "attest", "--lost")
    assert code == 0, text
    start(home)


def test_handover(hanse: Hanse, home: Path) -> None:
    """A namespace goes to a publisher's key, and comes back with his private one."""
    owner = generate(Scheme.ECDSA_P256)
    put_new(home / "owner.pem", owner.pem())
    (home / "owner.pub").write_text(owner.public.pem)
    code, text = hanse("handover", "alice", "--to", str(home / "owner.pub"))
    assert (code, f"alice is answered for by key {owner.public.fingerprint}" in text) == (0, True)
    assert hanse("handover", "alice", "--to", "operator")[0] == 1
    code, text = hanse("handover", "alice", "--to", "operator", "--with", str(home / "owner.pem"))
    assert (code, "held by its operator" in text) == (0, True)


def test_without_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no node was started there are no keys, and none are made by looking."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    assert run(["key", "list"]) == 1
    assert "there is no node" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
