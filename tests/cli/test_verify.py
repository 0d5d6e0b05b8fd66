"""`hanse verify`: what people and programs see, and the exit code that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.evidence import Member, Revision
from tests.support.signers import signer

from hanse.cli.main import run
from hanse.flows.pull.known import Known
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin, RepoType, parse_repo_id
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement, Subject
from hanse.store.held import Held

CONTENTS = {"config.json": b"{}", "sub/model.bin": b"w" * 3_000_000}


@dataclass
class Case:
    """A folder with a model, and the evidence for it."""

    member: Member
    revision: Revision
    folder: Path
    bundle: Path

    def verify(self, *flags: str, path: Path | None = None) -> int:
        """Run the command on the folder with the evidence file and return its exit code."""
        return run(["verify", str(path or self.folder), "--bundle", str(self.bundle), *flags])


@pytest.fixture(name="case")
def _case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    for name in ("HANSE_NODE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    now = int(time.time())
    member, other = Member("a.example", start=now - 1000), Member("b.example")
    revision = member.publish("org/name", CONTENTS)
    for name, data in CONTENTS.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    bundle = tmp_path / "rev.hanse.jsonl"
    bundle.write_bytes(member.evidence(revision, member.checkpoint([other], [other], time=now - 300)))
    return Case(member, revision, tmp_path / "model", bundle)


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_one_screen_says_what_it_is_worth(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """What was checked, who answers for the name, who signed, which log, who cosigned, how fresh, which rung; on one screen."""
    assert case.verify("--repo", "org/name") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"verified: org/name at {case.revision.rev[:12]}, 2 files\n")
    assert "a.example/org/name; the node's operator holds the key of org and can sign anything for it" in text
    assert "refs/heads/main points at it, position 1 in the log a.example" in text
    assert "manifest by a.example, key " in text
    assert "first contact, unauthenticated" in text
    assert "2 by names that are not known here" in text
    assert "fresh     vouched for at" in text
    assert "attested; policy open is met" in text
    assert len(text.splitlines()) <= 24
    assert case.verify() == 0
    assert "known from before" in capsys.readouterr().out


def test_who_holds_the_key_is_said(tmp_path: Path, case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the owner holds his key himself, nobody else can sign for the name, and the screen says so."""
    member, owner = Member("c.example", start=int(time.time()) - 500), signer("owner", Scheme.ECDSA_P256)
    member.name("org", owner)
    case.bundle.write_bytes(member.evidence(member.publish("org/name", CONTENTS, owner=owner)))
    assert case.verify() == 0
    text = capsys.readouterr().out
    assert "the owner of org holds his key himself" in text
    assert "manifest by the owner, key " in text
    assert "not yet witnessed" in text


def test_programs_read_one_object(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything on the screen is in it, and whether it is verified."""
    assert case.verify("--repo", "org/name", "--json") == 0
    told = _json(capsys)
    assert (told["verified"], told["failed"], told["rev"], told["tree"]) == (True, [], case.revision.rev, case.revision.tree)
    assert told["files"] | {"hashed": 0} == {
        "total": 2,
        "verified": 2,
        "bytes": 3_000_002,
        "hashed": 0,
        "absent": [],
        "partial": False,
    }
    assert (told["ref"]["name"], told["owner"]["holder"]) == ("refs/heads/main", "operator")
    assert [one["by"] for one in told["signed"]] == ["a.example"]
    assert told["logs"][0]["unknown"] == ["b.example/mirror", "b.example/witness"]
    assert told["decision"]["rung"] == "attested"


def test_altered_and_added_files_fail(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its name; control characters in names cannot rewrite the screen."""
    (case.folder / "sub/model.bin").write_bytes(b"w" * 2_999_999 + b"x")
    (case.folder / "e\x1b[2Jvil.py").write_text("")
    assert case.verify() == 1
    text = capsys.readouterr().out
    assert text.startswith("NOT VERIFIED: org/name")
    assert "file sub/model.bin: altered, its SHA-256 is" in text
    assert "vil.py: added, the signed manifest does not have it" in text
    assert "\x1b" not in text
    assert case.verify("--json") == 1
    assert len(_json(capsys)["failed"]) == 2


def test_a_part_of_a_model_is_partial(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Absent files are no failure unless the whole is asked for; none at all is one."""
    (case.folder / "sub/model.bin").unlink()
    assert case.verify() == 0
    text = capsys.readouterr().out
    assert text.startswith("partial: org/name")
    assert "1 of 2 files verified" in text
    assert case.verify("--complete") == 1
    assert "file sub/model.bin: absent" in capsys.readouterr().out
    (case.folder / "config.json").unlink()
    assert case.verify() == 1


def test_bookkeeping_and_the_evidence_itself_are_left_out(case: Case) -> None:
    """A client's own notes and the evidence file may lie in the folder."""
    (case.folder / ".cache/huggingface/download").mkdir(parents=True)
    (case.folder / ".cache/huggingface/download/config.json.metadata").write_text("x")
    inside = case.folder / "rev.hanse.jsonl"
    inside.write_bytes(case.bundle.read_bytes())
    assert case.verify() == 1
    assert run(["verify", str(case.folder), "--bundle", str(inside)]) == 0


def test_what_did_not_change_is_not_read_again(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the files have rested, a second run hashes nothing, unless it is asked to; what is remembered is private."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        assert case.verify("--json") == 0
        if _json(capsys)["files"]["hashed"] == 0:
            break
        time.sleep(0.3)
    else:
        pytest.fail("nothing was remembered")
    case.verify()
    assert "3.0 MB of them unchanged since they were hashed before" in capsys.readouterr().out
    assert case.verify("--json", "--rehash") == 0
    assert _json(capsys)["files"]["hashed"] == 3_000_002
    for path in (case.folder.parent / "home").rglob("*.json"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_altered_evidence_lists_what_failed(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said about files, because nothing says what they should be; nothing is remembered."""
    case.bundle.write_bytes(case.bundle.read_bytes().replace(b'"value":[1,"', b'"value":[2,"'))
    assert case.verify("--repo", "org/name") == 1
    text = capsys.readouterr().out
    assert text.startswith("NOT VERIFIED\n  failed    log a.example: the proof leads to root")
    assert not (case.folder.parent / "home" / "pins").exists()
    assert case.verify("--repo", "org/name", "--json") == 1
    told = _json(capsys)
    assert (told["verified"], told["code"]) == (False, "VerificationFailed")


def test_a_policy_refuses_with_what_would_pass(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """What is true and yet refused is told apart from lies."""
    assert case.verify("--policy", "strict") == 1
    text = capsys.readouterr().out
    assert text.startswith("REFUSED by the policy, though all of it is true\n")
    assert "; to pass: " in text
    assert case.verify("--policy", "strict", "--json") == 1
    assert _json(capsys)["code"] == "Policy"
    assert case.verify("--policy", "none") == 1
    assert "there is no policy 'none'" in capsys.readouterr().err


def test_a_pin_and_another_name(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """A tree, an origin, a commit id and a name must be those of the evidence."""
    assert case.verify("--tree", case.revision.tree, "--revision", case.revision.rev, "--origin", "a.example") == 0
    for flags in (("--tree", "0" * 64), ("--revision", "0" * 40), ("--origin", "b.example"), ("--repo", "org/other")):
        assert case.verify(*flags) == 1
        assert "the evidence is about a.example/org/name" in capsys.readouterr().out


def test_a_bundle_of_another_tool_and_its_key(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Sigstore bundle without a name is verified by its manifest with the key that is given."""
    key = signer("somebody", Scheme.ECDSA_P256)
    manifest = case.revision.bundle.payload
    said = json.loads(manifest)
    resources = [{name: one[name] for name in ("algorithm", "digest", "name")} for one in said["predicate"]["resources"]]
    predicate = {"serialization": said["predicate"]["serialization"], "resources": resources}
    statement = Statement((Subject("model", said["subject"][0]["digest"]),), said["predicateType"], predicate)
    case.bundle.write_text(json.dumps(json.loads(make_bundle(statement, key).encode()), indent=2))
    (tmp_path / "key.pem").write_text(key.public.pem)
    assert case.verify("--key", str(tmp_path / "key.pem")) == 0
    text = capsys.readouterr().out
    assert text.startswith("verified: a bundle that names no repository, 2 files")
    assert "named by hand, in no log" in text
    assert case.verify() == 1
    assert "no signed manifest by a key that is known" in capsys.readouterr().out
    assert case.verify("--key", str(tmp_path / "none.pem")) == 1
    (case.folder / "sub/model.bin").write_bytes(b"x" * 3_000_000)
    assert case.verify("--key", str(tmp_path / "key.pem")) == 1


def test_there_must_be_something_to_verify_with(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Without evidence, without a node or without network the remedy is named; so it is for a folder that is not there."""
    for arguments, says in (
        ([str(case.folder)], "there is nothing to verify with"),
        ([str(case.folder), "--repo", "org/name"], "no node is named"),
        ([str(case.folder), "--repo", "org/name", "--offline"], "without network, evidence comes from a file"),
        ([str(case.folder / "none"), "--bundle", str(case.bundle)], "there is no folder"),
    ):
        assert run(["verify", *arguments]) == 1
        assert says in capsys.readouterr().err


def test_evidence_is_saved(case: Case, tmp_path: Path) -> None:
    """The file that was verified is written as it was."""
    assert case.verify("--save-evidence", str(tmp_path / "saved.jsonl")) == 0
    assert (tmp_path / "saved.jsonl").read_bytes() == case.bundle.read_bytes()
    assert case.verify("--save-evidence", str(tmp_path / "none" / "saved.jsonl")) == 1


def test_what_this_machine_knows_to_be_recalled(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not verified, and the rule is `recalled`; with an empty store the evidence speaks for itself, and nothing is made."""
    assert case.verify() == 0
    assert not (tmp_path / "home" / "held").exists()
    with Held.open(tmp_path / "home" / "held") as held:
        Known(held).recall(parse_repo_id(Origin("a.example"), RepoType.MODEL, "org/name"), case.revision.rev, "it runs code", 1)
    capsys.readouterr()
    assert case.verify("--json") == 1
    assert _json(capsys)["failed"][0].startswith("recalled: it runs code, as was learnt here on 1970-01-01")
    assert case.verify("--store", str(tmp_path / "empty")) == 0
    assert not (tmp_path / "empty").exists()


def test_verifying_imports_nothing_heavy(case: Case, tmp_path: Path) -> None:
    """Offline verification loads no database, no web server and no HTTP client."""
    heavy = ("sqlalchemy", "alembic", "psycopg", "starlette", "uvicorn", "numpy", "structlog", "jinja2", "httpx2", "dbos")
    probe = (
        "import sys; from hanse.cli.main import run; code = run(sys.argv[1:]); "
        f"print(code, sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", probe, "verify", str(case.folder), "--bundle", str(case.bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "0 []"
