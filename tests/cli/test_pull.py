"""`hanse pull`: what people and programs see, exit codes, a run that was killed."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.pull_person import EVIL, FILES, NAME, SIZE, Person

from hanse.cli.main import run
from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.model.repo import RepoType

BIG = {"big.txt": b"w" * 8_000_000}


@pytest.fixture(name="facts", scope="module")
def _facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    with HubOrigin({NAME: {**FILES, **BIG}}) as origin:
        person = Person(tmp_path_factory.mktemp("first"), origin.url)
        person.pull()
        return person.facts()


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES}) as origin:
        yield origin


@pytest.fixture(name="person")
def _person(tmp_path: Path, origin: HubOrigin, facts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Person:
    person = Person(tmp_path, origin.url).knows(facts)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HOME", "HANSE_NODE", "HANSE_STORE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in person.environ.items():
        monkeypatch.setenv(name, value)
    return person


def test_one_screen(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, from whom, who signed, which rung, where the receipt is; `download` is the same command."""
    assert run(["pull", NAME, "--upstream", person.url]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"pulled: {NAME} at ")
    assert f"from      {person.url.removeprefix('http://')}" in text
    assert "by nobody: 127.0.0.1-" in text
    assert "rung      local; policy open: accepted" in text
    assert str(person.home / "receipts") in text
    assert run(["download", NAME, "--upstream", person.url, "--offline"]) == 0
    assert "as of" in capsys.readouterr().out


def test_a_data_set_by_its_name(
    person: Person, origin: HubOrigin, facts: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """`datasets/` before a name says what it is, as for `hanse mirror` and in what `hanse audit` prints."""
    person.knows(facts)
    origin.commit("org/data", FILES, kind=RepoType.DATASET)
    assert run(["pull", "datasets/org/data", "--upstream", person.url, "--to", str(person.home / "data")]) == 0
    assert "pulled: org/data at " in capsys.readouterr().out


def test_stopped(person: Person, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl-C is told that nothing is lost."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hanse.flows.pull.pull.pull", stopped)
    assert run(["pull", NAME, "--upstream", person.url]) == 130
    assert "goes on where this one was" in capsys.readouterr().err


def test_programs_read_the_receipt(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object, with the path to load from."""
    assert run(["pull", f"{NAME}@main", "--upstream", person.url, "--include", "*.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (Path(told["path"]) / "config.json").read_bytes() == FILES["config.json"]
    assert [one["path"] for one in told["receipt"]["files"]] == ["config.json"]
    assert Path(told["kept"]).is_file()


def test_verified_later(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    """`hanse verify` needs nothing but the folder: the receipt says the rest; an altered file is told."""
    folder = person.folder / "out"
    assert run(["pull", NAME, "--upstream", person.url, "--to", str(folder)]) == 0
    capsys.readouterr()
    assert run(["verify", str(folder)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"as received: {NAME} at ")
    assert "signed    by nobody" in text
    assert run(["verify", str(folder), "--bundle", f"{folder}.hanse.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["received"]["policy"] == "open"
    (folder / "config.json").write_text("altered")
    assert run(["verify", str(folder)]) == 1
    assert "config.json: altered" in capsys.readouterr().out


def test_refusals_say_why_and_what_to_do(person: Person, origin: HubOrigin, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that runs commands when it is loaded: exit 1, the finding, a remedy, and nothing in the cache."""
    origin.commit(NAME, {**FILES, "model.pkl": EVIL})
    assert run(["pull", NAME, "--upstream", person.url]) == 1
    told = capsys.readouterr().err
    assert "Policy" in told
    assert "model.pkl" in told
    assert "hint: " in told
    assert not person.cache.exists()


def test_liars_are_named(person: Person, origin: HubOrigin, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever sent other bytes is said by name."""
    origin.faults.set(Fault.WRONG_BYTES)
    assert run(["pull", NAME, "--upstream", person.url]) == 1
    assert person.url.removeprefix("http://") in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["pull", "no-namespace"], ["pull", f"{NAME}@a b"], ["pull", NAME, "--node", "ftp://x"]])
def test_bad_input(person: Person, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be a name, a revision or an address is refused before anything is asked."""
    assert run([*arguments, "--upstream", person.url]) == 1
    assert capsys.readouterr().err


def _command(person: Person) -> list[str]:
    return [sys.executable, "-m", "hanse", "pull", NAME, "--upstream", person.url]


@pytest.mark.soak
def test_killed_and_run_again(person: Person, facts: dict[str, bytes]) -> None:
    """After kill -9 in the middle nothing looks complete, and the next run goes on from there."""
    with HubOrigin({NAME: BIG}, xet=True, chunk_lists=True, rate=800_000) as slow:
        person.url = slow.url
        with subprocess.Popen(_command(person), env={**os.environ, **person.environ}) as process:
            until = time.monotonic() + 150
            while slow.bytes_sent < 1_000_000 and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        assert not (person.cache / "models--org--model" / "snapshots").exists()
        before = slow.bytes_sent
        slow.pace.rate = None
        subprocess.run(_command(person), env={**os.environ, **person.environ}, check=True, capture_output=True)
        assert before >= 1_000_000
    found = list(person.cache.rglob("big.txt"))
    assert [one.read_bytes() for one in found] == [BIG["big.txt"]]


def test_a_terminal_sees_bars(person: Person) -> None:
    """On a terminal progress is drawn, and the screen at the end is the same."""
    leader, follower = pty.openpty()
    done = subprocess.run(
        _command(person), env={**os.environ, **person.environ}, stdout=subprocess.PIPE, stderr=follower, text=True, check=True
    )
    os.close(follower)
    drawn = os.read(leader, 100_000).decode(errors="replace")
    os.close(leader)
    assert "verified" in drawn
    assert f"{len(FILES)} files, {SIZE / 1e6:.1f} MB" in done.stdout
