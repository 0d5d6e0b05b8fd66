"""A node's answers in the form that a command expects, and in every other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hanse.cli.expected import EVALUATIONS, JOB, SHOWN_FILES, as_told, expected, printable
from hanse.cli.main import run
from hanse.errors import PeerError

JOB_SAID: dict[str, Any] = {
    "id": 7,
    "planned": 300,
    "done": 2,
    "tokens": 16,
    "spent": 1,
    "cost": 0,
    "record": None,
    "more": [1],
    "name": "admin/m",
    "rev": "a" * 40,
    "suite": "arithmetic",
    "state": "running",
    "says": "",
}


def test_what_is_expected() -> None:
    """An answer in its form is returned as it is, further names with it."""
    assert expected(JOB_SAID, JOB, "a job") == JOB_SAID
    assert expected({"table.jsonl": "public"}, SHOWN_FILES, "files") == {"table.jsonl": "public"}
    assert expected({"rev": "a", "suites": []}, EVALUATIONS, "evaluations") == {"rev": "a", "suites": []}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "7"),
        ("id", True),
        ("id", -1),
        ("planned", 1.5),
        ("tokens", 2**60),
        ("done", None),
        ("cost", "0"),
        ("cost", float("nan")),
        ("cost", 10**400),
        ("state", ["done"]),
        ("says", "x" * 4001),
        ("record", 5),
    ],
)
def test_another_form(name: str, value: object) -> None:
    """A field of another type or out of bounds is refused in words that name it."""
    with pytest.raises(PeerError, match=f"a job, '{name}'"):
        expected(JOB_SAID | {name: value}, JOB, "a job")


@pytest.mark.parametrize("found", [None, [], "job", {}, {"id": 7}])
def test_no_such_object(found: object) -> None:
    """Anything else than an object with the fields is refused."""
    with pytest.raises(PeerError):
        expected(found, JOB, "a job")


def test_bounds_of_lists() -> None:
    """Lists and objects have a bound, and each entry its form."""
    with pytest.raises(PeerError, match="20,000 entries"):
        expected([JOB_SAID] * 20_001, [JOB], "jobs")
    with pytest.raises(PeerError, match="jobs, entry 1"):
        expected([JOB_SAID, 5], [JOB], "jobs")
    with pytest.raises(PeerError):
        expected({"record.json": 1}, SHOWN_FILES, "files")


def test_what_may_be_missing() -> None:
    """A field that need not be there may be missing; where it is, it has its form."""
    record: dict[str, Any] = {"member": "m", "record": "r", "weights": "local", "level": "V1", "score": 0.5, "low": 0, "high": 1}
    record |= {"n": 3, "degenerate": False, "agrees": {}, "disagrees": {}}
    suite: dict[str, Any] = {"suite": "s", "name": "n", "institutions": 1, "numericsClasses": 1, "medianLow": 0, "medianHigh": 1}
    said = {"rev": "a", "suites": [suite | {"records": [record]}]}
    assert expected(said, EVALUATIONS, "evaluations") == said
    record["corrected"] = {"value": "0.1", "low": "0", "high": "0.2", "sensitivity": "0.9"}
    with pytest.raises(PeerError, match="specificity"):
        expected(said, EVALUATIONS, "evaluations")


class _Liar(ThreadingHTTPServer):
    """Answers whatever is asked with `said`."""

    said: bytes = b""
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Liar

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.said)))
        self.end_headers()
        self.wfile.write(self.server.said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="liar")
def _liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Liar]:
    server = _Liar(("127.0.0.1", 0), _Handler)
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    monkeypatch.setenv("HANSE_NODE", f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


ASKING = (
    ("find", "0" * 64),
    ("cite", "org/name"),
    ("cite", "org/name", "--format", "swhid"),
    ("status",),
    ("status", "org/name"),
    ("copies", "org/name"),
    ("evaluations", "org/name"),
)


@pytest.mark.parametrize("words", ASKING)
def test_commands_refuse_what_they_cannot_read(liar: _Liar, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """A node that answers in another form is refused in words, with exit code 1, whichever command asked."""
    depth = 900
    for said in (b"[]", b"{}", b'"x"', b"7", b"null", b"", b'{"held":[7],"kinds":"a","members":3}', b"[" * depth + b"]" * depth):
        liar.said = said
        assert run(words) == 1
        assert "PeerError" in capsys.readouterr().err.replace("Peer:", "PeerError:")


def test_a_node_cannot_rewrite_the_screen(liar: _Liar, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters in what a node answers are shown as escapes."""
    evil = "x\x1b[2J\r"
    held = {"type": "model", "repo": evil, "origin": evil, "since": evil, "revisions": []}
    said = {"kinds": [evil], "digest": evil, "members": [], "held": [held], "complete": True}
    liar.said = json.dumps(said | {"bibtex": f"@misc{{{evil},\n}}\n"}).encode()
    assert run(["find", "0" * 64]) == 1
    assert run(["cite", "org/name"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "\n}\n" in shown
    assert printable({evil: [evil, 1, None]}) == {"x\\x1b[2J\\r": ["x\\x1b[2J\\r", 1, None]}


def test_refusals_in_a_block_stay_what_they_are() -> None:
    """What reads an answer may refuse it in its own words."""
    with pytest.raises(PeerError, match="own words"), as_told("it"):
        raise PeerError("own words")
