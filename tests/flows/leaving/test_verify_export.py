"""An export is whole and true, or every reason why not is told; all of it without network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from tests.flows.leaving.conftest import Left
from tests.support.leaving import check, reading, rewrite_sums

from hanse.errors import BlobNotFound, HanseError
from hanse.flows.leaving.sources import open_export
from hanse.flows.leaving.verify_export import verify_export
from hanse.model.decision import Rung


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("an export is verified without network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_whole_and_true(left: Left, tmp_path: Path) -> None:
    """Everything is read, replayed and verified, and what the evidence reaches is told; so it is the second time."""
    for _ in range(2):
        report = check(left.folder, tmp_path / "home")
        assert (report.failed, report.more, report.logs) == ([], 0, {left.node.origin: left.node.log.size})
        assert [(one.revision.rev, one.proved) for one in report.revisions] == [(rev, True) for rev in left.revs]
        assert {one.revision.decision.rung for one in report.revisions} == {Rung.ATTESTED}


def _alter(pattern: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (path, *_) = sorted(folder.glob(pattern))
        path.write_bytes(change(path.read_bytes()))

    return apply


def _flip(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


def _swap(folder: Path) -> None:
    """Exchange the terms of two files of one size."""
    one, two = sorted(folder.glob("reconstructions/*.json"), key=lambda path: len(path.read_bytes()))[-2:]
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


LIES: dict[str, Callable[[Path], object]] = {
    "xorb": _alter("xorbs/*", _flip),
    "terms": _alter("reconstructions/*.json", _flip),
    "terms of another file": _swap,
    "chunk list": _alter("chunks/*", _flip),
    "evidence": _alter("evidence/models/alice/m/*.jsonl", lambda data: data.replace(b'"index":', b'"index":1', 1)),
    "no evidence": lambda folder: next(folder.glob("evidence/models/alice/m/*.jsonl")).unlink(),
    "no chunk list": lambda folder: next(folder.glob("chunks/*")).unlink(),
    "no xorb": lambda folder: next(folder.glob("xorbs/*")).unlink(),
    "listing": _alter("listing/models/alice/m/*.json", lambda data: data.replace(b"true", b"false", 1)),
    "leaf": _alter("log/tile/entries/*/*", _flip),
    "tile": _alter("log/tile/0/*/*", _flip),
    "checkpoint": _alter("log/checkpoint", _flip),
    "another log": _alter(
        "export.json", lambda data: data.replace(b'"origin":"lab.example.org","public"', b'"origin":"x.org","public"')
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found(copied: Path, tmp_path: Path, lie: str) -> None:
    """Whatever was altered is found though the digests were made to fit: signatures and hashes decide."""
    LIES[lie](copied)
    rewrite_sums(copied)
    assert check(copied, tmp_path / "home").failed


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "more.txt").write_text("x"),
        lambda folder: (folder / "refs/models/alice/m.json").unlink(),
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").write_text("x"),
        lambda folder: (folder / "hanse.json").write_bytes(b"{}"),
    ],
)
def test_added_absent_and_altered_files(copied: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """A file too many, one too few, and one of other bytes fail, also if nothing is signed about it."""
    change(copied)
    assert check(copied, tmp_path / "home").failed


def test_what_was_not_finished_is_no_export(copied: Path, tmp_path: Path) -> None:
    """Without its index nothing is verified."""
    (copied / "export.json").unlink()
    with pytest.raises(BlobNotFound):
        check(copied, tmp_path / "home")
    (copied / "export.json").write_text("{")
    with pytest.raises(HanseError):
        check(copied, tmp_path / "home")


def test_the_policy_decides(left: Left, tmp_path: Path) -> None:
    """What is true and not enough for a policy fails, with the rules that it does not meet."""
    with open_export(left.folder) as source:
        report = verify_export(source, reading(tmp_path / "home", "strict"))
    told = [one.partition(": policy 'strict' refuses: ") for one in report.failed]
    assert len({named for named, _, _ in told}) == 2
    assert {rule.partition(":")[0] for _, _, rule in told} >= {"signers", "witness"}
    assert all("; to pass: " in rule and rule.count("to pass") == 1 for _, _, rule in told)
