"""The suite tells a server that passes everything on, and a client that checks nothing, from those that do check."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hanse.conform.cases import CASES, Look
from hanse.conform.internal import InternalServer
from hanse.conform.origin import HubOrigin
from hanse.conform.outcome import Verdict
from hanse.conform.report import as_json, line, summary, table
from hanse.conform.subjects import Command, Server
from hanse.conform.suite import Result, Suite, chosen
from hanse.errors import InputError

CLIENT = textwrap.dedent("""
    import hashlib, sys, urllib.request
    origin, repo, path, folder, check = sys.argv[1:6]
    answer = urllib.request.urlopen(f"{origin}/{repo}/resolve/main/{path}", timeout=5)
    body = answer.read()
    tag = answer.headers["ETag"].strip('"')
    blob = hashlib.sha1(b"blob %d" % len(body) + bytes(1) + body).hexdigest()
    if check == "yes" and tag not in (hashlib.sha256(body).hexdigest(), blob):
        sys.exit("false bytes")
    open(f"{folder}/{path}", "wb").write(body)
""")


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin() as origin:
        yield origin


def verdicts(origin: HubOrigin, subject: Server | Command, names: list[str]) -> dict[str, Verdict]:
    """Run some cases and return their verdicts."""
    with InternalServer() as internal, closing(subject):
        results = list(Suite(origin, subject, internal).run(chosen(names)))
    assert all(line(result) for result in results)
    return {result.case.name: result.verdict for result in results}


@pytest.mark.soak
def test_what_passes_everything_on_is_unsafe(origin: HubOrigin) -> None:
    """The origin itself, examined as a proxy would be, fails whatever is about lies, and passes what is about good manners."""
    expected = {
        "wrong-bytes": Verdict.FALSE,
        "abort-then-resume": Verdict.FALSE,
        "second-claims": Verdict.FALSE,
        "old-state": Verdict.SILENT,
        "hidden-newer": Verdict.SILENT,
        "redirect-internal": Verdict.INTERNAL,
        "foreign-pages": Verdict.INTERNAL,
        "deep-json": Verdict.PASSED_ON,
        "bad-paths": Verdict.PASSED_ON,
        "endless-pages": Verdict.PASSED_ON,
        "short": Verdict.FALSE,
        "truncated": Verdict.RIGHT,
        "clock-skew": Verdict.RIGHT,
        "error": Verdict.REFUSED,
        "gone": Verdict.NOT_HELD,
    }
    assert verdicts(origin, Server(origin.url, patience=20), list(expected)) == expected


def test_what_hangs_is_given_up(origin: HubOrigin) -> None:
    """A case ends with the patience, not with the origin's."""
    assert verdicts(origin, Server(origin.url, patience=0.5), ["stall"]) == {"stall": Verdict.HUNG}


def test_commands_that_check_and_that_do_not(origin: HubOrigin, tmp_path: Path) -> None:
    """A client that compares digests passes where one that believes fails."""
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    names = ["wrong-bytes", "clock-skew", "short", "missing"]
    for check, verdict in (("yes", Verdict.REFUSED), ("no", Verdict.FALSE)):
        command = f"{sys.executable} {script} {{origin}} {{repo}} {{file}} {{dir}} {check}"
        found = verdicts(origin, Command(command, origin.url, patience=20), names)
        right = {"clock-skew": Verdict.RIGHT, "missing": Verdict.REFUSED}
        assert found == {"wrong-bytes": verdict, "short": verdict} | right


def test_a_command_needs_its_places(origin: HubOrigin) -> None:
    """A command that does not say where the repository and the folder go is refused."""
    with pytest.raises(InputError, match="dir"):
        Command("hf download", origin.url, patience=1)
    with pytest.raises(InputError, match="no case"):
        chosen(["none"])


def test_reports() -> None:
    """The report counts, and a table has a row per case and a column per subject."""
    results = [Result(CASES[0], Verdict.FALSE, "note", 1.0), Result(CASES[1], Verdict.HUNG, "", 1.0)]
    assert summary(results) == "0 of 2 cases passed; 1 unsafe, 1 unavailable"
    said = as_json("x", results)
    assert (said["passed"], said["unsafe"], said["cases"][0]["verdict"]) == (0, 1, "false")
    rows = table([("x", results), ("y", results[:1])]).splitlines()
    assert len(rows) == 4
    assert rows[3].endswith("| hung | not run |")


def test_cases_are_told_apart() -> None:
    """Every case has a name of its own and says in words what the origin does."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.says and (case.fault is not None or case.look is Look.GONE) for case in CASES)
