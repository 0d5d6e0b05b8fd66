"""Counting what happened in a session, and telling it."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.gateways import Shown

from hanse.flows.gateway.session import Session, from_json, one_line, size_text
from hanse.model.decision import Rung
from hanse.model.repo import Origin, RepoType, parse_repo_id


def _revision(name: str, rev: str = "1f" * 20, as_of: int | None = None) -> Shown:
    return Shown(parse_repo_id(Origin("hub.example"), RepoType.MODEL, name), rev, {}, None, Rung.AGREED, as_of)


def test_one_line() -> None:
    """The line names policy, revisions with rung and age, bytes and places, lies and refusals."""
    said: list[str] = []
    session = Session("strict", said.append)
    session.used(_revision("org/a"))
    session.used(_revision("org/a"))
    session.used(_revision("org/b", as_of=1_700_000_000))
    session.came("n1:80", 90_000_000)
    session.came("n2:80", 3_100_000)
    session.lied("n2:80", "n2:80: chunk 3 of model.bin is false; it is asked for nothing more of this file")
    session.refused("org/c", "main", "it runs os.system")
    session.refused("org/c", "main", "it runs os.system")
    line = one_line(session.summary())
    assert line == (
        "policy strict: org/a@1f1f1f1 (agreed), org/b@1f1f1f1 (agreed, as of 2023-11-14T22:13:20Z); 93.1 MB verified from "
        "n1:80 90.0 MB, n2:80 3.1 MB; false bytes once: n2:80: chunk 3 of model.bin is false; refused: org/c"
    )
    assert said[0].startswith("false bytes: n2:80: chunk 3 of model.bin is false; it is asked")
    assert said[1:] == ["refused org/c: it runs os.system"]


def test_what_is_to_be_known_is_said_once() -> None:
    """A branch that was rewritten is told when it is met, not at every request."""
    said: list[str] = []
    session = Session("open", said.append)
    for _ in range(3):
        session.used(replace(_revision("org/a"), notices=("main was rewritten",)))
    assert said == ["org/a: main was rewritten"]


def test_what_fails_is_said_once() -> None:
    """A program that repeats itself tells its user late: of a place, and of a repository that nobody answers for, it is said."""
    said: list[str] = []
    session = Session("open", said.append)
    for _ in range(2):
        session.unanswered("org/a", "hub.example does not answer in time")
        session.fails("n1:80", "nothing of model.bin comes now: n1:80 hung up")
    session.used(_revision("org/b"))
    session.unanswered("org/b", "'model.bin' cannot be fetched now: n1:80 hung up")
    assert said == [
        "org/a: cannot be had now: hub.example does not answer in time",
        "n1:80: nothing of model.bin comes now: n1:80 hung up",
    ]


def test_nothing_happened() -> None:
    """A program that asked for nothing, or for what was held, is told about as such."""
    session = Session("open")
    assert one_line(session.summary()) == "policy open: nothing was given"
    session.used(_revision("org/a"))
    assert one_line(session.summary()).endswith("nothing had to be fetched")


def test_json_round_trip() -> None:
    """A summary survives JSON."""
    session = Session("open")
    session.used(_revision("org/a"))
    session.came("n1", 1)
    session.refused("org/c", "main", "x")
    assert from_json(json.loads(json.dumps(session.summary().to_json()))) == session.summary()


def test_it_is_bounded() -> None:
    """A program that asks for a thousand thousands of names does not fill the memory."""
    session = Session("open")
    for number in range(1200):
        session.used(_revision(f"org/m{number}"))
        session.refused(f"org/x{number}", "main", "no")
        session.came(f"p{number}", 1)
    summary = session.summary()
    assert (len(summary.used), len(summary.refused), len(summary.bytes)) == (1000, 1000, 1001)
    assert sum(summary.bytes.values()) == 1200
    assert "and 995 more" in one_line(summary)


def test_sizes() -> None:
    """Sizes read as people write them."""
    assert [size_text(one) for one in (0, 999, 1000, 93_100_000, 5 * 10**15)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "93.1 MB",
        "5000.0 TB",
    ]


def test_files_in_places_of_the_programs_own() -> None:
    """How many files were looked at in folders that the program named is told, if there were any."""
    session = Session("open")
    session.checked(1)
    assert one_line(session.summary()).endswith("; 1 file checked in folders that the program named")
    session.checked(1_999)
    assert one_line(session.summary()).endswith("; 2,000 files checked in folders that the program named")
    assert from_json(json.loads(json.dumps(session.summary().to_json()))).checked == 2_000
