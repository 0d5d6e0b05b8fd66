"""Replication in a serving node: what members settled is taken note of, and what this node should hold is fetched.

One job for each repository at a time, oldest revision first, two at once; those that fail run ever less often. Under a lease only
one process of a node does it. Between two processes nothing is lost: what is wanted stands in the catalogue, and what came of it
lies in the folder of arrivals.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from hanse.db import copies, foreign, witnesses
from hanse.db.copies import Copy
from hanse.errors import Busy, HanseError, PolicyError
from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.mirror.rows import find_mirror
from hanse.flows.node import Node
from hanse.flows.pull.events import Event, Kind
from hanse.flows.replicate import plan
from hanse.flows.replicate.fellows import View, addresses, holders, look
from hanse.flows.replicate.later import follow_gate, follow_refs, may_hold
from hanse.flows.replicate.pace import Hours, Pace, PacedPlace
from hanse.flows.replicate.plan import Wishes
from hanse.flows.replicate.release import named, release
from hanse.flows.replicate.signed import Asked, Signed, ask
from hanse.flows.replicate.take import Copied, ask_told, card_licence, take_copy
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoType, parse_repo_id
from hanse.peers.bulk import BulkClient
from hanse.peers.client import PeerClient
from hanse.peers.nodefiles import NodePlace
from hanse.peers.place import Place
from hanse.peers.staticplace import StaticPlace
from hanse.policy.copies import Copies

WORKERS = 2
REVIEW_SECONDS = 3600
GATE_SECONDS = 900
"""After which the home of a copy is asked again whether everybody may have it."""
AT_MOST = 200
_log = logging.getLogger(__name__)


def nobody(_: Node) -> Collection[Origin]:
    """Return who failed audits: nobody, where none are made."""
    return ()


def no_token(_: str) -> str:
    """Return what a node that let nobody of this one in is shown: nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the operator allows.

    wishes: of his own; hours: when copies are fetched; rate: bytes a second, 0 for no limit; capacity: bytes for others, None for
    what the federation's list says; silent: seconds until a member that does not answer counts as gone; rules: where no
    federation has any; failed: who failed audits; token: what to show to the node at an address for what it gives to some only.
    """

    wishes: Wishes = field(default_factory=Wishes)
    hours: Hours = field(default_factory=Hours)
    rate: int = 0
    capacity: int | None = None
    silent: int = 30 * 86400
    rules: Copies | None = None
    failed: Callable[[Node], Collection[Origin]] = nobody
    token: Callable[[str], str] = no_token


class Copier:
    """Makes copies, one revision at a time; safe for threads. stop: set when it is to end. Close it."""

    def __init__(self, node: Node, setup: Setup) -> None:
        self.node, self.setup = node, setup
        self.stop = threading.Event()
        self.pace = Pace(setup.rate, sleep=self.stop.wait)
        self._peers, self._bulk = PeerClient(), BulkClient()

    def close(self) -> None:
        """End what runs, and connections."""
        self.stop.set()
        self._peers.close()
        self._bulk.close()

    def look(self) -> View | None:
        """Return who is there at present, see `fellows.look`."""
        setup = self.setup
        return look(self.node, silent=setup.silent, own=setup.rules, failed=setup.failed(self.node))

    def open(self) -> bool:
        """Tell whether it is a time at which copies are fetched."""
        return self.setup.hours.open(self.node.clock.now())

    def fetch(
        self, view: View, asked: Asked, urls: tuple[str, ...], home: tuple[str, ...], *, always: bool = True
    ) -> tuple[Copied | None, Copy]:
        """Copy what these addresses may have; return what came of it (None: it is left to others), and its row as it was made.

        home: those of them that are its owner's; always: whatever the rules say.
        """
        signed = ask(self.node, self._peers, asked, urls)
        told = ask_told(signed, urls, self.setup.token)
        count = _Count()
        plain = [self._place(view, url, gated=told.gated) for url in urls]
        places = [PacedPlace(one, self.pace, count.add) for one in plain]
        row = self._record(signed, told.licence if told.pins else card_licence(signed, plain))
        if told.hidden or (told.gated and not may_hold(self.node, signed.repo)):
            self._leave(row, "its home shows it only to those it chose, and has not allowed members to hold it")
            return None, row
        if not always and plan.decide(self.node, view, self.setup.wishes, row) != copies.WANTED:
            self._leave(row, "")
            return None, row
        self._require_room(view, row)
        try:
            done = take_copy(
                self.node, signed, told, places, url=next(iter(home), ""), moved=count.get, stop=self._stopped, report=_report
            )
        finally:
            with self.node.db.write() as conn:
                copies.add_moved(conn, row.key, count.get())
        with self.node.db.write() as conn:
            copies.set_state(conn, row.key, copies.HELD, self.node.clock.now(), tries=0, says="")
        return done, row

    def _record(self, signed: Signed, licence: str) -> Copy:
        """Take down what is known of a revision, and return its row as it is made where there was none."""
        now = self.node.clock.now()
        row = Copy(
            signed.repo.origin, signed.repo.type.value, signed.repo.folded, signed.rev, signed.tree, now, copies.WANTED,
            size=signed.size, licence=licence, changed_at=now,
        )  # fmt: skip
        with self.node.db.write() as conn:
            copies.put_new(conn, [row])
            known = copies.get(conn, row.key) or row
            copies.set_state(conn, row.key, known.state, known.changed_at, size=row.size, licence=row.licence)
        return row

    def copy(self, view: View, row: Copy) -> Outcome:
        """Copy a wanted revision, and note what came of it."""
        repo = named(row)
        there = holders(self.node, repo, row.rev, row.tree, view.present) - {view.me, row.origin}
        home = addresses(view, [row.origin])
        asked = Asked(row.origin, repo.type, row.repo, row.rev, row.tree)
        try:
            urls = (*home, *addresses(view, sorted(there)))
            done, _ = self.fetch(view, asked, urls, home, always=False)
        except PolicyError as error:
            self._note(row, copies.REFUSED, error.message)
            return Outcome.DONE
        except Busy:
            return Outcome.WAITING
        except HanseError as error:
            self._note(row, copies.WANTED, f"{error.code}: {error.message}", failed=True)
            raise
        if done is not None:
            _log.info("replicate: %s at %s is held; %s bytes were fetched", repo, row.rev[:12], f"{done.moved:,}")
        return Outcome.DONE

    def heed(self, view: View, key: tuple[str, str, str], rev: GitOid, *, ask: bool) -> None:
        """Do what its home says later of a repository (origin, type, name) of which something is held (`later`).

        ask: whether to ask the home; else its log alone is looked at.
        """
        repo = find_mirror(self.node, parse_repo_id(Origin(key[0]), RepoType(key[1]), key[2]))
        if repo is None or repo.state != "live":
            return
        follow_refs(self.node, repo)
        gate = follow_gate(self.node, self._peers, repo, rev, addresses(view, [repo.repo.origin]) if ask else ())
        if (repo.gated if gate is None else gate) and may_hold(self.node, repo.repo) is False:
            with self.node.db.write() as conn:
                copies.withdraw(conn, (repo.repo.origin, key[1], key[2]), rev=None, now=self.node.clock.now())

    def _require_room(self, view: View, row: Copy) -> None:
        capacity = view.capacity if self.setup.capacity is None else self.setup.capacity
        with self.node.db.read() as conn:
            held = copies.held_bytes(conn, self.node.origin)
        if held + (row.size or 0) > capacity:
            says = f"{held:,} of {capacity:,} bytes for others are in use, and it has {row.size or 0:,}"
            self._leave(row, says)
            raise Busy(f"there is no room for {row.repo}: {says}", hint="raise the capacity: hanse federation join")

    def _leave(self, row: Copy, says: str) -> None:
        self._note(row, copies.LEFT, says)

    def _note(self, row: Copy, state: str, says: str, *, failed: bool = False) -> None:
        with self.node.db.write() as conn:
            known = copies.get(conn, row.key)
            tries = (known.tries if known else 0) + 1 if failed else 0
            copies.set_state(conn, row.key, state, self.node.clock.now(), says=says, tries=tries)

    def _place(self, view: View, url: str, *, gated: bool) -> Place:
        site = any(one.static and url in one.addresses for one in view.members.values())
        return StaticPlace(self._bulk, url) if site else NodePlace(self._bulk, url, self.setup.token(url) if gated else "")

    def _stopped(self) -> bool:
        return self.stop.is_set() or not self.open()


class _Count:
    """Counts bytes from many threads."""

    def __init__(self) -> None:
        self._lock, self._size = threading.Lock(), 0

    def add(self, size: int) -> None:
        with self._lock:
            self._size += size

    def get(self) -> int:
        return self._size


def _report(event: Event) -> None:
    if event.kind is Kind.LIE:
        _log.error("replicate: %s", event.message)
    elif event.kind is Kind.DEAD:
        _log.warning("replicate: %s", event.message)


class Replicating:
    """Runs a copier in threads of its own. seconds: after which members' logs are looked through for what is new."""

    def __init__(self, copier: Copier, seconds: int, *, pace: float = ROUND_SECONDS) -> None:
        self._copier, self._node = copier, copier.node
        self._seconds = seconds
        self._looked, self._reviewed = 0, 0
        self._heard: dict[str, int] = {}
        self._asked: dict[tuple[str, str, str], int] = {}
        self._later: dict[tuple[str, str, str], GitOid] = {}
        self._view: View | None = None
        self._background = Background("replicate", copier.node.db, self.step, workers=WORKERS, pace=pace)

    def start(self) -> None:
        """Start the threads."""
        self._background.start()

    def stop(self) -> None:
        """Fetch nothing any more; what came so far is kept."""
        self._copier.close()
        self._background.stop()

    def step(self) -> int:
        """Do whatever is due, without waiting for it; return how many jobs were begun."""
        now = self._node.clock.now()
        due = now - self._looked >= self._seconds
        rows = self._rows()
        if not (due or rows or self._later) or not self._background.hold():
            return 0
        if due:
            self._plan(now)
            rows = self._rows()
        for row in rows:
            self._background.run(row.key[:3], partial(self._job, row))
        return len(rows) + self._heed(now)

    def _rows(self) -> list[Copy]:
        """Return the oldest revision of each repository that something is to be done about and nothing is being done."""
        states = [copies.WANTED, copies.WITHDRAWN] if self._copier.open() else [copies.WITHDRAWN]
        with self._node.db.read() as conn:
            rows = copies.in_state(conn, states, AT_MOST)
        first: dict[tuple[str, ...], Copy] = {}
        for row in sorted(rows, key=lambda one: one.tries):
            first.setdefault(row.key[:3], row)
        return [row for key, row in first.items() if self._background.free(key)]

    def _plan(self, now: int) -> None:
        """Look at members and their logs; what was left to others is decided about anew if the members changed, or hourly."""
        self._looked = now
        view = self._copier.look()
        changed = view != self._view
        self._view = view
        if view is None:
            return
        self._listen(view, now)
        wishes = self._copier.setup.wishes
        while plan.take_note(self._node, view, wishes) == plan.BATCH:
            pass
        if changed or now - self._reviewed >= REVIEW_SECONDS:
            self._reviewed = now
            after = None
            while (after := plan.review(self._node, view, wishes, after)) is not None:
                pass

    def _listen(self, view: View, now: int) -> None:
        """Find out of which copies the homes' logs say something new, and of which the homes are to be asked."""
        with self._node.db.read() as conn:
            held = copies.held_repos(conn)
            logs = [log for log in witnesses.every(conn) if log.origin in view.members]
            new = {log.origin: foreign.places(conn, log.origin, self._heard.get(log.origin, 0), log.mirrored) for log in logs}
        self._heard = {log.origin: log.mirrored for log in logs}
        for key, rev in held.items():
            told = foreign.place_of(*key) in new.get(key[0], ())
            if told or now - self._asked.get(key, 0) >= GATE_SECONDS:
                self._later[key] = rev

    def _heed(self, now: int) -> int:
        """Do what homes said later, a few repositories at a time; return how many that are."""
        view = self._view
        if view is None:
            return 0
        found = [key for key in self._later if self._background.free(key)][:AT_MOST]
        for key in found:
            ask = now - self._asked.get(key, 0) >= GATE_SECONDS
            if ask:
                self._asked[key] = now
            self._background.run(key, partial(self._heeded, view, key, self._later.pop(key), ask=ask))
        return len(found)

    def _heeded(self, view: View, key: tuple[str, str, str], rev: GitOid, *, ask: bool) -> Outcome:
        self._copier.heed(view, key, rev, ask=ask)
        return Outcome.DONE

    def _job(self, row: Copy) -> Outcome:
        if row.state == copies.WITHDRAWN:
            release(self._node, row)
            return Outcome.DONE
        view = self._view or self._copier.look()
        return Outcome.WAITING if view is None else self._copier.copy(view, row)
