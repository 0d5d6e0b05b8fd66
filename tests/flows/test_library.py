"""`from hanse import pull, verify`: what was signed is pulled from a node, with a receipt that verifies later without network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.nodes import add_user, commit, new_repo
from tests.support.served import served

import hanse
from hanse.errors import InputError, PolicyError, VerificationFailed
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.pull.known import Known
from hanse.flows.pull.pull import Pulled
from hanse.flows.verify_folder import Outcome
from hanse.model.receipt import encode_receipt, split_receipt
from hanse.store.held import Held

FILES = {"config.json": b"{}", "notes/model.txt": b"w" * 100_000}
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Case:
    """A node with a signed revision."""

    node: Node
    url: str
    folder: Path

    def pull(self, to: Path | None = None) -> Pulled:
        """Pull it."""
        return hanse.pull("alice/m", nodes=[self.url], upstream=NOWHERE, cache=self.folder / "cache", to=to)


@pytest.fixture(name="case")
def _case(lite: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HANSE_NODE", "HANSE_STORE", "HANSE_UPSTREAM"):
        monkeypatch.delenv(name, raising=False)
    alice = add_user(lite, "alice")
    repo = new_repo(lite, alice, "alice/m")
    commit(lite, alice, repo, *(PutBytes(path, data) for path, data in FILES.items()))
    settle(lite)
    with served(lite) as url:
        yield Case(lite, url, tmp_path)


def test_pulled_from_a_node_and_verified_without_it(case: Case) -> None:
    """The receipt has signer, tree and source, and the evidence by which the files are verified again, with no node to ask."""
    pulled = case.pull()
    receipt = pulled.receipt
    assert {name: (pulled.path / name).read_bytes() for name in FILES} == FILES
    assert receipt.complete
    assert receipt.rung.value == "attested"
    assert [one.member for one in receipt.signers] == [receipt.repo.origin]
    assert receipt.tree
    outcome = hanse.verify(pulled.path, complete=True)
    assert isinstance(outcome, Outcome)
    assert (outcome.revision.rev, outcome.revision.tree) == (receipt.rev, receipt.tree)
    assert hanse.verify(pulled.path.parent.parent).files.verified == len(FILES) + 1, ".gitattributes is one of them"


def test_a_receipt_from_elsewhere_is_enough_for_what_is_signed(case: Case, tmp_path: Path) -> None:
    """Evidence speaks for itself: another user with folder and receipt, and nothing of his own, verifies them."""
    case.pull(to=tmp_path / "out")
    shutil.rmtree(tmp_path / "home")
    assert hanse.verify(tmp_path / "out", complete=True).files.verified == len(FILES) + 1, ".gitattributes is one of them"


def test_altered_files_and_receipts_fail(case: Case, tmp_path: Path) -> None:
    """Neither files nor what a receipt says of them can be changed unseen."""
    pulled = case.pull(to=tmp_path / "out")
    beside = tmp_path / "out.hanse.jsonl"
    receipt, evidence = split_receipt(beside.read_bytes())
    assert receipt is not None
    (tmp_path / "out" / "config.json").write_bytes(b"[]")
    with pytest.raises(VerificationFailed, match=r"config\.json"):
        hanse.verify(tmp_path / "out")
    forged = encode_receipt(receipt).replace(receipt.files[0].sha256.encode(), b"0" * 64) if receipt.files[0].sha256 else b""
    beside.write_bytes(forged + evidence)
    with pytest.raises(VerificationFailed, match="receipt: it has"):
        hanse.verify(tmp_path / "out", receipt=beside)
    assert pulled.receipt.rev == receipt.rev


def test_policies_judge_again(case: Case) -> None:
    """A stricter policy than the one it was pulled under refuses, and says so as a refusal."""
    pulled = case.pull()
    with pytest.raises(PolicyError):
        hanse.verify(pulled.path, policy="strict")
    with pytest.raises(PolicyError):
        hanse.pull("alice/m", nodes=[case.url], upstream=NOWHERE, cache=case.folder / "other", policy="strict")
    assert not (case.folder / "other").exists()


def test_what_was_recalled_since_does_not_verify(case: Case, tmp_path: Path) -> None:
    """A copy of a revision that this machine knows to be recalled fails with the remedy; by itself its receipt is still true."""
    receipt = case.pull(to=tmp_path / "out").receipt
    with Held.open(tmp_path / "home" / "held") as held:
        Known(held).recall(receipt.repo, receipt.rev, "advised: it runs code; to pass: lower it", 1_800_000_000)
    with pytest.raises(VerificationFailed, match=f"learnt here on 2027-01-15.*hanse pull alice/m@{receipt.rev}"):
        hanse.verify(tmp_path / "out")
    assert hanse.verify(tmp_path / "out", store=tmp_path / "empty").files.verified == len(FILES) + 1
    with Held.open(tmp_path / "home" / "held") as held:
        Known(held).recall(receipt.repo, receipt.rev, "", 1_800_000_001)
    assert hanse.verify(tmp_path / "out").files.verified == len(FILES) + 1


def test_nothing_to_verify_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without receipt is not taken for verified."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    with pytest.raises(InputError, match="no receipt"):
        hanse.verify(tmp_path)


def test_the_package_stays_light() -> None:
    """Importing hanse imports nothing of the library, and dir() tells of it."""
    code = (
        "import sys, hanse; assert 'hanse.flows' not in sys.modules; assert {'pull', 'verify'} <= set(dir(hanse)); "
        "from hanse import verify; assert 'hanse.peers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="push"):
        hanse.__getattr__("push")
