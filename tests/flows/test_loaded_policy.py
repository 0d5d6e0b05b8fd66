"""Policies with the tlog-policies that they use."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.signers import signer

from hanse.errors import PolicyError
from hanse.flows.policies import load_file
from hanse.model.decision import Quorum
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.tlogpolicy import make_tlog_policy

HEAD = "policy = 1\nbase = 'careful'\n"
LOG = NoteKey("a.example", signer("log").public, ED25519)
WITNESSES = {name: cosigner_key(f"{name}.example/witness", signer(name).public) for name in ("b", "c")}


def write(path: Path, text: str) -> Path:
    """Write a file."""
    path.write_text(text, encoding="utf-8")
    return path


def test_tlog_policies(tmp_path: Path) -> None:
    """A log's tlog-policy, beside the policy or in it, is parsed and judges cosignatures by key and time."""
    write(tmp_path / "a.tlog-policy", make_tlog_policy(LOG, WITNESSES, 2))
    text = f"{HEAD}[witness.logs]\n'a.example' = {{ file = 'a.tlog-policy' }}\n[mirror.logs]\n'a.example' = 'quorum none'"
    loaded = load_file(write(tmp_path / "p.toml", text))
    b, c = WITNESSES.values()
    assert loaded.quorum("a.example", {b: 5, c: 9}, mirror=False) == Quorum(5, "cosigned by b, c of b, c")
    missing = loaded.quorum("a.example", {b: 5, LOG: 9}, mirror=False)
    assert missing == Quorum(None, "cosigned by b of b, c")
    assert loaded.quorum("a.example", {}, mirror=True, log_time=7) == Quorum(7)
    assert loaded.quorum("b.example", {b: 5, c: 9}, mirror=False) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "line 1 of the tlog-policy"),
        (make_tlog_policy(NoteKey("b.example", LOG.public, ED25519), {}, 0), "it lists b.example, not the log a.example"),
        (f"witness w {cosigner_key('a.example/w', signer('w').public).text}\nquorum w\n", "cannot witness itself"),
    ],
)
def test_wrong_tlog_policies(text: str, says: str, tmp_path: Path) -> None:
    """A tlog-policy that is malformed, for another log, or lets the operator witness itself makes the policy unusable."""
    write(tmp_path / "x", text)
    path = write(tmp_path / "p.toml", f"{HEAD}[witness.logs]\n'a.example' = {{ file = 'x' }}")
    with pytest.raises(PolicyError, match=says):
        load_file(path)
    with pytest.raises(PolicyError, match="cannot read"):
        load_file(write(tmp_path / "q.toml", f"{HEAD}[mirror.logs]\n'a.example' = {{ file = 'gone' }}"))
