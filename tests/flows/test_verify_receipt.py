"""A receipt is nobody's signature: with evidence it may not contradict it, without it only this user's own record counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.receipts import PULLED, receipt

from hanse.errors import PolicyError, VerificationFailed
from hanse.flows.local_files import Hashing, Place, list_place
from hanse.flows.policies import load_policy
from hanse.flows.receipts import keep_receipt, receipt_path
from hanse.flows.remembered import Remembered
from hanse.flows.verify_folder import Question
from hanse.flows.verify_receipt import Received, ask_of, contradictions, verify_received
from hanse.model.digest import Sha256
from hanse.model.receipt import Receipt
from hanse.model.repo import Origin, RepoType

FILES = {"config.json": b"{}", "model.bin": b"w" * 1000}


@dataclass
class Reader:
    """Somebody with files and a receipt."""

    folder: Path
    home: Path
    receipt: Receipt

    def verify(self, policy: str = "open", receipt: Receipt | None = None) -> Received:
        """Verify the files."""
        hashing = Hashing(list_place(Place(self.folder)), Remembered())
        chosen = load_policy(policy, self.home)
        return verify_received(hashing, receipt or self.receipt, policy=chosen, home=self.home, now=PULLED + 5)


@pytest.fixture(name="reader")
def _reader(tmp_path: Path) -> Reader:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    made = receipt(FILES)
    keep_receipt(tmp_path / "home", made, None)
    return Reader(folder, tmp_path / "home", made)


def test_what_was_received_is_there(reader: Reader) -> None:
    """Files as they came pass a policy that asks for no signature."""
    found = reader.verify()
    assert (found.files.verified, found.files.failed, found.files.absent) == (2, (), ())
    assert found.decision.rung.value == "local"


def test_what_was_altered_is_told(reader: Reader) -> None:
    """A file that is another one now, or was added, fails."""
    (reader.folder / "model.bin").write_bytes(b"x" * 1000)
    (reader.folder / "added.py").write_bytes(b"")
    assert len(reader.verify().files.failed) == 2


def test_a_policy_that_asks_for_signatures_refuses(reader: Reader) -> None:
    """What nobody signed stays unsigned, whoever received it."""
    with pytest.raises(PolicyError, match="signed by 0"):
        reader.verify("careful")


def test_a_receipt_from_elsewhere_proves_nothing(reader: Reader) -> None:
    """Whoever alters files can write a receipt for them; only the record below HANSE_HOME says what was received here."""
    forged = receipt({**FILES, "model.bin": b"x" * 1000})
    (reader.folder / "model.bin").write_bytes(b"x" * 1000)
    with pytest.raises(VerificationFailed, match="received otherwise"):
        reader.verify(receipt=forged)
    receipt_path(reader.home, forged.repo, forged.rev).unlink()
    with pytest.raises(VerificationFailed, match="no record"):
        reader.verify(receipt=forged)


def test_scans_count_for_their_own_policy(reader: Reader) -> None:
    """Files that were let pass under one policy have not been scanned for another one."""
    scans = {name: reader.verify(receipt=receipt(FILES, policy=name)).decision for name in ("open", "strict")}
    says = {name: [one.says for one in made.results if one.rule == "scan"] for name, made in scans.items()}
    assert says["open"] != says["strict"]


def test_what_it_is_about() -> None:
    """A receipt answers one question."""
    made = replace(receipt(FILES), tree="2" * 64)
    asked = ask_of(made, Question())
    assert (asked.repo, asked.revision, asked.origin, asked.tree) == ("org/name", made.rev, "hub.example", made.tree)
    assert ask_of(made, Question("ORG/name", revision="main")).revision == made.rev


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, repo="org/other"),
        lambda one: replace(one, revision="v1"),
        lambda one: replace(one, revision="2" * 40),
        lambda one: replace(one, origin=Origin("other.example")),
        lambda one: replace(one, type=RepoType.DATASET),
        lambda one: replace(one, tree=Sha256("3" * 64)),
    ],
)
def test_it_answers_no_other_question(change: Callable[[Question], Question]) -> None:
    """Asked for something else, it is refused."""
    with pytest.raises(VerificationFailed, match="receipt"):
        ask_of(replace(receipt(FILES), tree="2" * 64), change(Question()))


def test_it_may_not_contradict_what_is_signed() -> None:
    """Each file of a receipt is that of the signed manifest, or it is told."""
    made = receipt(FILES)
    signed = [(one.path, one.sha256) for one in made.files if one.sha256]
    assert contradictions(made, signed) == ()
    assert len(contradictions(made, [("config.json", Sha256("0" * 64))])) == 2
