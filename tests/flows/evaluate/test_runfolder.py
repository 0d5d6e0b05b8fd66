"""The folder of a run as somebody else gets it: damaged, forged, or with parts of another run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.openaiserver import Adder, Model, sums
from tests.support.signing import attest_key

from hanse.errors import BadSignature, Conflict, HanseError, NotFoundError, VerificationFailed
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import keep_suite, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.suites.folder import read_suite
from hanse.model.repo import Origin


def ran(folder: Path, *, seed: int = 0) -> Path:
    """Return the folder of a signed run."""
    subject = of_endpoint("http://api.example", "adder")
    order = Order(sums(20), subject, folder, Origin("uni.example"), attest_key())
    evaluate(order, Adder(Model(noise=0.2, seed=seed)))
    return folder


@pytest.fixture(scope="module", name="honest")
def _honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(tmp_path_factory.mktemp("honest") / "run")


def _copy(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def _swap(name: str, old: bytes, new: bytes) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _swap("table.jsonl", b'"outcome":"0.000000"', b'"outcome":"1.000000"'),
        _swap("table.jsonl", b'"cluster":"s-0000"', b'"cluster":"s-0001"'),
        _swap("table.jsonl", b'"status":"ok"', b'"status":"truncated"'),
        _swap("items.jsonl", b"What is", b"What's "),
        _swap("suite.json", b'"epochs":1', b'"epochs":2'),
        _swap("record.json", b'"payload":"', b'"payload":"A'),
        _swap("signer.pub", b"M", b"N"),
        lambda folder: (folder / "signer.pub").unlink(),
        lambda folder: (folder / "table.jsonl").unlink(),
        lambda folder: (folder / "table.jsonl").write_bytes(b""),
        lambda folder: (folder / "transcript.jsonl").write_bytes(b"{}\n"),
    ],
)
def test_what_was_changed(tmp_path: Path, honest: Path, change: Callable[[Path], object]) -> None:
    """No part can be changed, swapped or left out without notice; only the transcript may stay away."""
    folder = _copy(honest, tmp_path / "run")
    change(folder)
    with pytest.raises(HanseError):
        read_run(folder)


def test_parts_of_another_run(tmp_path: Path, honest: Path) -> None:
    """A table of another run of the same suite does not fit the record, and a bundle not another's key."""
    other = ran(tmp_path / "other", seed=5)
    mixed = _copy(honest, tmp_path / "mixed")
    (mixed / "table.jsonl").write_bytes((other / "table.jsonl").read_bytes())
    with pytest.raises(VerificationFailed):
        read_run(mixed)
    mixed = _copy(honest, tmp_path / "signed")
    (mixed / "signer.pub").write_bytes((other / "signer.pub").read_bytes())
    with pytest.raises(BadSignature):
        read_run(mixed)


def test_without_a_transcript(tmp_path: Path, honest: Path) -> None:
    """A record without its answers is still checked against its table."""
    folder = _copy(honest, tmp_path / "run")
    (folder / "transcript.jsonl").unlink()
    assert read_run(folder).spoken is None


def test_suites(tmp_path: Path) -> None:
    """A suite is written once; another one does not take its folder."""
    keep_suite(tmp_path / "s", sums(20))
    keep_suite(tmp_path / "s", sums(20))
    assert read_suite(tmp_path / "s") == sums(20)
    with pytest.raises(Conflict):
        keep_suite(tmp_path / "s", sums(30))
    with pytest.raises(NotFoundError):
        read_suite(tmp_path / "none")


def test_a_record_about_another_model(tmp_path: Path, honest: Path) -> None:
    """A statement whose subject is not the model of its record is none."""
    import base64

    folder = _copy(honest, tmp_path / "run")
    said = json.loads(base64.b64decode(json.loads((folder / "record.json").read_text())["dsseEnvelope"]["payload"]))
    said["subject"][0]["digest"]["sha256"] = "0" * 64
    (folder / "record.json").write_text(json.dumps(said))
    with pytest.raises(HanseError, match="another model"):
        read_run(folder)
