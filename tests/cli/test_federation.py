"""`hanse federation`: from nothing to three members by typed commands, on nodes that serve; then one is taken off, one lies."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.founders import founded, founders
from tests.support.live import LiveNode
from tests.support.served import until
from tests.support.softtoken import LABEL, PIN, make_token

from hanse.cli.federation_state import _retiring
from hanse.cli.main import run
from hanse.flows.federation.kept import COPIES, KEYS, FederationFiles
from hanse.keys.files import generate
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin

NAME = "models.example"


class Members:
    """Three nodes of three institutions, and a desk at which each types commands."""

    def __init__(
        self, folder: Path, nodes: dict[str, LiveNode], patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.nodes = nodes
        self._patch = patch
        self._capsys = capsys
        patch.chdir(folder)

    def type(self, who: str, *words: str, status: int = 0) -> str:
        """Run `hanse federation WORDS` as one of them and return what it printed."""
        self._patch.setenv("HANSE_HOME", str(self.nodes[who].folder))
        self._capsys.readouterr()
        assert run(["federation", *words]) == status
        said = self._capsys.readouterr()
        return said.out + said.err

    def listing(self, who: str) -> list[str]:
        """Return the words by which one of them is listed."""
        return ["--title", f"Institution {who}", "--address", self.nodes[who].url, "--namespace", f"ns-{who}"]


@pytest.fixture(name="members")
def _members(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mother: Mother,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Members]:
    with ExitStack() as stack:
        nodes: dict[str, LiveNode] = {}
        for name in getattr(request, "param", "abc"):
            (tmp_path / name).mkdir()
            flags, environ = ("--origin", f"{name}.example"), {"HANSE_FOLLOW_SECONDS": "1"}
            nodes[name] = stack.enter_context(forked_node(mother, tmp_path / name, flags=flags, environ=environ))
        yield Members(tmp_path, nodes, monkeypatch, capsys)


def test_from_nothing_to_three_members(members: Members) -> None:
    """Three institutions found a federation by documented commands and cosign each other; then two take the third off."""
    assert "fingerprint" in members.type("a", "init", NAME, *members.listing("a"), "--quick")
    members.type("a", "invite")
    for who in "bc":
        told = members.type(who, "join", f"{NAME}.invite", *members.listing(who), "--capacity", "1 GiB")
        assert "compare it" in told
    asked = members.type("a", "propose", "--add", "b.example.request", "--add", "c.example.request", "--need", "2")
    assert "b.example) joins" in asked
    assert "signed by 1 of the 2" in asked
    proposal = f"{NAME}.2.proposal"
    assert "signed by 1" in members.type("a", "publish", proposal, status=1)
    assert "signed by enough" in members.type("b", "sign", proposal)
    assert "targets version 2" in members.type("c", "publish", proposal)  # whoever has it may publish it
    told = members.type("a", "update", "--from", members.nodes["c"].url)
    assert "b.example is asked for cosignatures" in told
    members.type("b", "update", "--from", members.nodes["c"].url)
    status = json.loads(members.type("b", "status", "--json"))[0]
    assert [one["member"] for one in status["members"]] == ["a.example", "b.example", "c.example"]
    assert (status["need"], len(status["keys"])) == (2, 3)
    for node in members.nodes.values():
        until(partial(_is_cosigned, node))
    # Two of three take one off the list; he cannot keep himself on it.
    key = FederationFiles(members.nodes["a"].data / "federation").load(Origin(NAME))
    assert len(key.members.members) == 3
    Path("copies.toml").write_text("copies = 2\n")
    said = members.type("a", "propose", "--remove", "c.example", "--copies", "copies.toml", "--out", "out.proposal")
    assert "the rules for copies change" in said
    assert "ORIGIN/FINGERPRINT@INDEX" in members.type("a", "propose", "--distrust", "b.example", status=1)
    told = members.type("a", "propose", "--distrust", f"b.example/{'0' * 64}@7", "--out", "cut.proposal")
    assert "distrusted from {}" in told
    members.type("b", "sign", "out.proposal")
    members.type("b", "publish", "out.proposal")
    members.type("a", "update")
    assert "c.example" not in members.type("a", "status")
    kept = FederationFiles(members.nodes["b"].data / "federation").load(Origin(NAME))
    assert kept.files[COPIES] == b"copies = 2\n"
    assert "follows models.example no more" in members.type("c", "leave")
    assert "in no federation" in members.type("c", "propose", status=1)


@pytest.mark.parametrize("members", ["a"], indirect=True)
def test_the_key_moves_off_the_server(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a quick start status says where the key lies and what to type; the key that takes its place is encrypted."""
    members.type("a", "init", NAME, *members.listing("a"), "--quick")
    told = members.type("a", "status")
    assert "lies on this machine" in told
    assert "hanse federation rekey --key FILE" in told
    Path("elsewhere.pem").write_bytes(generate(Scheme.ED25519).pem("a word"))
    Path("elsewhere.pem").chmod(0o600)
    assert "passphrase" in members.type("a", "rekey", "--key", "elsewhere.pem", status=1)
    monkeypatch.setenv("HANSE_KEY_PASSPHRASE", "a word")
    steps = members.type("a", "rekey", "--key", "elsewhere.pem")
    typed = [line.strip().partition("#")[0].split()[2:] for line in steps.splitlines() if line.startswith("  hanse")]
    assert len(typed) == 3
    for words in typed:
        members.type("a", *words)
    told = members.type("a", "status")
    assert "lies on this machine" not in told
    assert "no member is named" not in told
    members.type("a", "propose", "--out", "next.proposal")
    assert "signed by 0 of the 1" in members.type("a", "publish", "next.proposal", status=1)
    members.type("a", "sign", "next.proposal", "--key", "elsewhere.pem")
    assert "targets version 3" in members.type("a", "publish", "next.proposal")
    assert "not in the federation" in members.type("a", "leave", "other.example", status=1)
    members.type("a", "leave")


@pytest.mark.soak
@pytest.mark.parametrize("members", ["a"], indirect=True)
def test_keys_in_a_token(members: Members, tmp_path: Path) -> None:
    """A federation begun with a key in a token goes over to another one there by the printed steps; a wrong PIN is told."""
    token = make_token(tmp_path, {number: generate(Scheme.ECDSA_P256) for number in (1, 2)})
    first, second = (f"hsm:{number}?label={LABEL}" for number in (1, 2))

    def type_there(*words: str, pin: str = PIN) -> str:
        environ = {**os.environ, **token, "HANSE_HOME": str(members.nodes["a"].folder), "HANSE_KEY_PASSPHRASE": pin}
        command = [sys.executable, "-m", "hanse", "federation", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)
        return done.stdout + done.stderr

    begin = ("init", NAME, *members.listing("a"), "--key", first)
    assert "PinIncorrect" in type_there(*begin, pin="000000")
    assert "one member" in type_there(*begin)
    steps = type_there("rekey", "--key", second)
    assert f"changes are signed with --key '{second}'" in steps
    typed = [shlex.split(line, comments=True)[2:] for line in steps.splitlines() if line.startswith("  hanse")]
    assert typed[0][-2:] == ["--key", "KEY-BEFORE"]
    for words in ([*typed[0][:-1], first], *typed[1:]):
        said = type_there(*words)
    assert "root version 2" in said
    assert "signed by 0 of the 1" in type_there("propose", "--key", first)
    assert "signed by enough" in type_there("propose", "--key", second)


def test_a_key_that_is_written_nowhere_is_named(tmp_path: Path) -> None:
    """Where no list says whose a key is, the steps to another one retire the key before: by its fingerprint if it lies here."""
    (one,) = founders(1)
    listed = founded([one], 1)
    older = replace(listed, files={name: data for name, data in listed.files.items() if name != KEYS})
    path = tmp_path / "federation.key"
    assert _retiring(listed, one.origin, path) == ""
    assert _retiring(older, one.origin, path).startswith(" --retire FINGERPRINT")
    path.write_bytes(one.own.pem())
    path.chmod(0o600)
    assert _retiring(older, one.origin, path) == f" --retire {one.own.public.fingerprint[:16]}"


@pytest.mark.parametrize("members", ["a"], indirect=True)
def test_nothing_to_begin_with(members: Members) -> None:
    """Without a key, a federation or an invitation there is a reason and a way on."""
    assert "--quick" in members.type("a", "init", NAME, *members.listing("a"), status=2)
    assert "in no federation" in members.type("a", "invite", status=1)
    assert "cannot read" in members.type("a", "join", "none.invite", *members.listing("a"), status=1)
    assert members.type("a", "status") == ""


def _is_cosigned(node: LiveNode) -> bool:
    """Tell whether two witnesses and two mirrors cosign the log."""
    _, note = node.get("/log/checkpoint")
    return sum(line.startswith("— ") for line in note.decode().splitlines()) == 5
