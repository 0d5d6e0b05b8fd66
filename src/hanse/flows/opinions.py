"""Second opinions: what other scanners say about files of revisions that rested, asked in the background. Never the gate.

picklescan is asked about pickles, in a worker of its own, so that it cannot keep a commit waiting; a command that the operator
names (`scan_also`) about what a loader could execute, programs left out. Each answer is kept with the content as soon as it is
there, and a revision is ticked off when all its files were asked about: a killed process goes on with the next file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from hanse.db import blobs, repository_scans, scans
from hanse.db.blobs import FileRow
from hanse.db.scans import ScanRow
from hanse.errors import HanseError
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.scanner import Asking
from hanse.flows.scans import load, source_of
from hanse.flows.settle import START, entries_of
from hanse.jobs.external import run_command
from hanse.jobs.opinion import parse_opinion
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.scan.facts import Facts
from hanse.scan.versions import SCANNER

MAX_PICKLE = 256 * 1024 * 1024
MAX_ALSO = 1024 * 1024 * 1024
"""Bytes of the largest file that picklescan, and the operator's command, are asked about."""
_PIECE = 1024 * 1024
_PICKLES = ("pickle", "torch")
_log = logging.getLogger(__name__)


def ask_next(node: Node, rest: int, stopping: threading.Event, after: tuple[int, str] = START) -> tuple[int, str] | None:
    """Ask about the files of the next judged head behind `after` (repository, ref) and return its place; None without one."""
    scanning = node.scanning
    if scanning is None or scanning.asking is None:
        return None
    asked, ruleset = scanning.asking.basis, scanning.rules.digest
    with node.db.read() as conn:
        before = node.clock.now() - rest
        head = repository_scans.unasked(conn, ruleset, SCANNER, asked, before=before, after=after)
    if head is None:
        return None
    try:
        seen = set[Sha256]()
        for entry in entries_of(node, head) or ():
            if stopping.is_set():
                return None
            if entry.sha256 not in seen:
                seen.add(entry.sha256)
                ask(node, entry, stopping)
        if not stopping.is_set():
            with node.db.write() as conn:
                repository_scans.set_asked(conn, head.repo_id, head.rev, ruleset, asked)
    except HanseError as error:
        _log.warning("opinions: %s of repository %d: %s", head.rev, head.repo_id, error.message)
    return head.repo_id, head.ref


def ask(node: Node, entry: Entry, stopping: threading.Event) -> None:
    """Ask the other scanners about a file that they were not asked about yet, and keep what they say."""
    assert node.scanning is not None
    asking = node.scanning.asking
    assert asking is not None
    with node.db.read() as conn:
        row = scans.get(conn, [entry.sha256]).get(entry.sha256)
        file = blobs.get_by_sha256(conn, [entry.sha256]).get(entry.sha256)
    facts = load(row) if row is not None else None
    if row is None or facts is None or file is None or file.erased:
        return
    said = json.loads(row.others or "{}")
    made: dict[str, Any] = {}
    if wants_picklescan(asking, facts, said):
        made["picklescan"] = _picklescan(node, asking, file)
    if _wants_command(asking, facts, said):
        found = _also(node, asking, file, entry.path, stopping)
        made |= {"also": found} if found is not None else {}
    if made:
        _keep(node, row, made)


def wants_picklescan(asking: Asking | None, facts: Facts, said: dict[str, Any]) -> bool:
    """Tell whether picklescan is still to be asked about a content: it has pickles, and this version said nothing of them."""
    if asking is None or asking.pool is None or facts.size > MAX_PICKLE:
        return False
    pickles = any(view.format in _PICKLES for view in facts.views)
    return pickles and said.get("picklescan", {}).get("version") != asking.version


def _wants_command(asking: Asking, facts: Facts, said: dict[str, Any]) -> bool:
    # Most texts, a README among them, could be read as a program by their content alone.
    executes = any(view.executes and view.format != "python" for view in facts.views) and facts.size <= MAX_ALSO
    return bool(asking.command) and executes and said.get("also", {}).get("asked") != _command_id(asking)


def _picklescan(node: Node, asking: Asking, file: FileRow) -> dict[str, Any]:
    assert asking.pool is not None
    answer: Future[list[bytes]] = asking.pool.submit(source_of(node, file))
    return {"version": asking.version, "reproducible": False, **parse_opinion(answer.result()[0])}


def _also(node: Node, asking: Asking, file: FileRow, path: str, stopping: threading.Event) -> dict[str, Any] | None:
    with _copy(node, file, path) as copy:
        found = run_command(asking.command, copy, asking.limits, stopping.is_set)
    return None if found is None else {**found, "asked": _command_id(asking)}


def _command_id(asking: Asking) -> str:
    return hashlib.sha256("\0".join(asking.command).encode()).hexdigest()[:16]


@contextmanager
def _copy(node: Node, file: FileRow, path: str) -> Iterator[Path]:
    """Give a copy of a file whose name has nothing of the uploader's but a plain ending, in a folder of its own."""
    ending = PurePosixPath(path).suffix
    plain = ending if ending[1:].isascii() and ending[1:].isalnum() and len(ending) <= 16 else ""
    with tempfile.TemporaryDirectory(prefix="hanse-also-") as folder:
        copy = Path(folder) / f"file{plain}"
        reader = open_file(node, file) if file.size else None
        with copy.open("xb") as out:
            for at in range(0, file.size, _PIECE):
                assert reader is not None
                out.write(reader.read_at(at, min(_PIECE, file.size - at)))
        copy.chmod(0o400)
        yield copy


def _keep(node: Node, row: ScanRow, made: dict[str, Any]) -> None:
    """Put answers beside what others said by now."""
    with node.db.write() as conn:
        now = scans.get(conn, [row.sha256]).get(row.sha256)
        if now is not None:
            said = json.loads(now.others or "{}") | made
            scans.set_others(conn, row.sha256, json.dumps(said, sort_keys=True))
