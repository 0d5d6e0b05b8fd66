"""Judging everything again: in the background, after the scanner, the ruleset or the policy changed, or a rebuild.

1. Contents that this version of the scanner has not looked at are read and their facts kept, file after file.
2. Every file that the head of a ref names is judged from its facts, repository after repository, and flagged or cleared.
3. The node counts as settled; until then readers and commits judge what they need by themselves (`hanse.flows.admission`).

The place is written down after every step, so that a killed process goes on where it was; two processes that do the same do
nothing wrong. What is newly blocked changes the CAS epoch: addresses that were given out before stop working.
"""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from hanse.db import flags, repos, scans
from hanse.db.schema import repos as repos_table
from hanse.db.state import get_fact, put_fact
from hanse.errors import HanseError
from hanse.flows.admission import SETTLED, flag_entries, flag_judged, head_entries, is_settled, outcomes
from hanse.flows.holders import is_gone, new_holder
from hanse.flows.node import Node
from hanse.flows.scans import try_scan
from hanse.model.admission import decide
from hanse.model.digest import NO_GIT_OID, NO_SHA256, XetHash
from hanse.model.entry import Entry
from hanse.scan.versions import SCANNER

PLACE = "scan_place"
_FILES = 50
_ENTRIES = 2000
_TURN_SECONDS = 120
_log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """How far the work is.

    basis: what it is done for; phase: `files` or `repos`; after: row id of the last one done; holder, until: the process that
    does it now, and for how long others leave it to him.
    """

    basis: str
    phase: str = "files"
    after: int = 0
    holder: str = ""
    until: int = 0


def apply_policy(node: Node) -> int:
    """Bring what is blocked in line with the policy in force; return how many kinds of findings that concerned."""
    scanning = node.scanning
    if scanning is None:
        return 0
    changed = 0
    with node.db.write() as conn:
        for outcome, blocked in flags.kinds(conn):
            wanted = decide(outcome, scanning.policy).blocks
            if wanted != blocked:
                flags.set_blocked(conn, outcome, blocked=wanted)
                changed += 1
        if changed:
            new_epoch(conn)
    return changed


def new_epoch(conn: Connection) -> None:
    """Let all CAS addresses and tokens that were given out so far end."""
    put_fact(conn, "cas_epoch", secrets.token_hex(4))


def step(node: Node, holder: str = "") -> bool:
    """Do the next piece of work, unless another process is at it; tell whether there may be more.

    holder: text of this process (`hanse.flows.holders`).
    """
    if is_settled(node):
        return False
    assert node.scanning is not None
    with node.db.write() as conn:
        place = _place(get_fact(conn, PLACE), node.scanning.basis)
        if place.holder not in ("", holder) and place.until > node.clock.now() and not is_gone(place.holder):
            return True
        _keep(conn, place, holder, node.clock.now())
    following = _scan_some(node, place) if place.phase == "files" else _judge_one(node, place)
    with node.db.write() as conn:
        if following is None:
            put_fact(conn, SETTLED, node.scanning.basis)
        else:
            _keep(conn, following, holder, node.clock.now())
    return following is not None


def _keep(conn: Connection, place: Place, holder: str, now: int) -> None:
    kept = Place(place.basis, place.phase, place.after, holder, now + _TURN_SECONDS)
    put_fact(conn, PLACE, msgspec.json.encode(kept).decode())


def _place(text: str | None, basis: str) -> Place:
    """Return where to go on; from the start if the place is that of another basis."""
    try:
        found = msgspec.json.decode(text or "", type=Place)
    except msgspec.DecodeError:
        return Place(basis)
    return found if found.basis == basis else Place(basis)


def _scan_some(node: Node, place: Place) -> Place:
    """Phase `files`: the next contents without facts."""
    with node.db.read() as conn:
        rows = scans.unscanned(conn, SCANNER, place.after, _FILES)
    for row in rows:
        if not try_scan(node, row):
            _log.warning("rejudge: the bytes of %s cannot be read", row.sha256)
    return Place(place.basis, "files", rows[-1].id) if rows else Place(place.basis, "repos")


def _judge_one(node: Node, place: Place) -> Place | None:
    """Phase `repos`: the next repository; None after the last."""
    query = select(repos_table.c.id).where(repos_table.c.id > place.after).order_by(repos_table.c.id).limit(1)
    with node.db.read() as conn:
        repo = conn.execute(query).scalar_one_or_none()
    if repo is None:
        return None
    try:
        judge_repo(node, repo)
    except HanseError as error:
        _log.warning("rejudge: repository %d: %s", repo, error.message)
    return Place(place.basis, "repos", repo)


def judge_repo(node: Node, repo: int) -> None:
    """Judge what the heads of a repository's refs name, and what is flagged in it already."""
    fresh = 0
    batch: list[Entry] = []
    for entry in head_entries(node, repo):
        batch.append(entry)
        if len(batch) == _ENTRIES:
            fresh += flag_entries(node, repo, batch)
            batch.clear()
    fresh += flag_entries(node, repo, batch)
    fresh += _flagged_again(node, repo)
    if fresh:
        with node.db.write() as conn:
            new_epoch(conn)
            repos.update_columns(conn, repo, indexed=None)  # what listings say must not quote what is blocked


def _flagged_again(node: Node, repo: int) -> int:
    """Judge the files again that are flagged under an older ruleset: those of revisions that are no head any more."""
    assert node.scanning is not None
    with node.db.read() as conn:
        old = [flag for flag in flags.of_repo(conn, repo) if flag.ruleset != node.scanning.rules.digest]
    entries = [_entry(flag) for flag in old]
    judged = outcomes(node, entries)
    with node.db.write() as conn:
        return flag_judged(node, conn, repo, judged)


def _entry(flag: flags.Flag) -> Entry:
    """Return a file as far as judging needs to know it."""
    return Entry(flag.path, 0, flag.sha256, XetHash(NO_SHA256), NO_GIT_OID, lfs=False)


@dataclass(eq=False)
class Rejudging:
    """Runs `step` in a thread of its own until everything is settled; `pause`: seconds between two steps."""

    node: Node
    pause: float = 0.05

    def __post_init__(self) -> None:
        self._holder = new_holder()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rejudge", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the piece of work that it does."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not step(self.node, self._holder):
                    return
            except HanseError as error:
                _log.warning("rejudge: %s", error.message)
                self._stopping.wait(60)
            except RuntimeError:  # the pool was closed: the node stops
                return
            self._stopping.wait(self.pause)
