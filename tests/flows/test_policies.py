"""Finding policies by preset, name and file, and what is said about them before they are used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.facts import good
from tests.support.signers import signer

from hanse.errors import NotFoundError, PolicyError, StorageError
from hanse.flows.policies import cautions, known_policies, load_file, load_policy, policy_or_refusal
from hanse.model.decision import State
from hanse.policy.decide import decide
from hanse.policy.presets import CAREFUL, OPEN
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.tlogpolicy import make_tlog_policy

HEAD = "policy = 1\nbase = 'careful'\n"
LOG = NoteKey("a.example", signer("log").public, ED25519)
WITNESSES = {name: cosigner_key(f"{name}.example/witness", signer(name).public) for name in ("b", "c")}


def write(path: Path, text: str) -> Path:
    """Write a file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default(tmp_path: Path) -> None:
    """Without a name it is policy.toml in the home folder, else the preset `open`."""
    assert load_policy(None, tmp_path).policy == OPEN
    write(tmp_path / "policy.toml", HEAD)
    assert load_policy(None, tmp_path).policy.freshness == CAREFUL.freshness
    write(tmp_path / "policy.toml", "")
    with pytest.raises(PolicyError):
        load_policy(None, tmp_path)


def test_by_name_and_path(tmp_path: Path) -> None:
    """A preset's name always means the preset; others are files in the home folder, or paths."""
    write(tmp_path / "policies" / "lab.toml", HEAD)
    write(tmp_path / "policies" / "open.toml", HEAD)
    assert load_policy("lab", tmp_path).policy.name == "lab"
    assert load_policy("open", tmp_path).policy == OPEN
    assert load_policy(str(tmp_path / "policies" / "lab.toml"), tmp_path / "elsewhere").policy.name == "lab"
    assert [name for name, _ in known_policies(tmp_path)] == ["open", "careful", "strict", "lab"]
    for name in ("no-such", "../policies/lab", str(tmp_path)):
        with pytest.raises(NotFoundError):
            load_policy(name, tmp_path)


def test_a_home_that_cannot_be_entered(tmp_path: Path) -> None:
    """It may hold a policy that refuses: using the default instead would be wrong. A link to nothing is no default, either."""
    (home := tmp_path / "home").mkdir()
    tmp_path.chmod(0o755)
    home.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        for name in (None, "lab"):
            with pytest.raises(StorageError, match="cannot look for the policy"):
                load_policy(name, home)
    finally:
        if root:
            os.seteuid(0)
    home.chmod(0o700)
    (home / "policy.toml").symlink_to("policy.toml")
    with pytest.raises(NotFoundError, match="cannot read"):
        load_policy(None, home)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"policy = 1", HEAD.encode() + b"x = 1", b"#" * (1 << 21)])
def test_what_cannot_be_read_refuses(data: bytes, tmp_path: Path) -> None:
    """A file that is no policy is an error, and where a policy has to be had it is the one that refuses everything."""
    (tmp_path / "policy.toml").write_bytes(data)
    with pytest.raises(PolicyError):
        load_file(tmp_path / "policy.toml")
    refusing = policy_or_refusal(None, tmp_path)
    assert decide(refusing.policy, good("b.example", "c.example")).state is State.REFUSED
    assert decide(policy_or_refusal("gone", tmp_path).policy, good()).state is State.REFUSED


def test_cautions(tmp_path: Path) -> None:
    """What two readers could be shown differently under a policy is said before it is used."""
    group = "[groups.ours]\nmembers = [{}]\n"
    four = ", ".join(f"'{name}.example'" for name in "bcde")
    text = f"{HEAD}[witness]\nneed = {{}}\nof = 'ours'\n[mirror]\nneed = {{}}\nof = 'ours'\n"
    path = write(tmp_path / "p.toml", text.format(4, 4) + group.format(four))
    assert cautions(load_file(path), 1) == ()
    weak = load_file(write(path, text.format(2, 3) + group.format(four)))
    assert [one.partition(":")[0] for one in cautions(weak, 1)] == ["witness"]
    assert "3 would" in cautions(weak, 1)[0]
    assert "2 of anyone" in cautions(load_policy("strict", tmp_path))[0]
    assert "no cosignature is asked for" in cautions(load_policy("open", tmp_path))[0]
    write(tmp_path / "a.tlog-policy", make_tlog_policy(LOG, WITNESSES, 1))
    logs = load_file(write(path, f"{HEAD}[witness.logs]\n'a.example' = {{ file = 'a.tlog-policy' }}"))
    assert any("need not share" in one and "a.example" in one for one in cautions(logs, 0))
    assert cautions(logs, 0)[0].startswith("witness: of all other logs, 1 of anyone")
