"""The mirror: follows other logs at their address, keeps a copy, replays it, and cosigns only what is true and held.

Steps for each log:

1. Its checkpoint is read and verified; one that has grown is cosigned as a witness after the proof from its tiles.
2. Entries are read from where the copy ends, a few bundles at a time, and appended to the copy in memory; its root must be the
   one that the checkpoint proves.
3. They are replayed: chains, maps, snapshots. A false one ends here: an alarm is raised, the copy stays where the log was true.
4. The files are put, then the record moves (compare-and-swap). Only a copy that has arrived at the checkpoint is cosigned as a
   mirror: "append-only, true as far as replay can tell, and held here".

A log that does not answer is read from the copies that other mirrors hold, up to the checkpoint that was already signed: they can
show nothing else.

Steps 2 to 4 are safe to repeat. An `add-checkpoint` at `/mirror` does step 1 by a proof that comes along, and asks for the rest.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from hanse.db import cosigners, foreign, witnesses
from hanse.db.alarms import Alarm
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof, HanseError, InputError, IntegrityError, NotFoundError, PeerError, RolledBack, SizeConflict
from hanse.flows import sightings, two_trees, withdrawals, witness
from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.cosigners import MIRROR
from hanse.flows.foreign.checkpoints import arrived, learn
from hanse.flows.foreign.index import take as look_through
from hanse.flows.keeper import Keeper
from hanse.flows.logcopy import LogCopy
from hanse.flows.mirror_cosign import mirrored_note
from hanse.flows.replays import Replays
from hanse.flows.witness import own_note, raise_alarm
from hanse.model.canonical import canonical
from hanse.model.leaf import parse_leaf
from hanse.peers.client import PeerClient
from hanse.peers.logclient import LogClient, LogReader
from hanse.peers.staticsite import StaticSite
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import VerifiedCheckpoint, open_checkpoint
from hanse.tlog.note import parse_vkey
from hanse.tlog.proof import consistency_proof, verify_consistency
from hanse.tlog.tiles import WIDTH, Growth

_WORKERS = 4
STEP_BUNDLES = 16
STEP_BYTES = 8 * 1024 * 1024
"""What is read before it is checked and put: so many bundles, or the bundle that reaches so many bytes."""
SHOWN_ENTRIES = 256
SHOWN_BYTES = 128 * 1024
"""Entries that an alarm about a false log keeps, at most: the copy comes so close to the false one that they are enough."""
MAX_COPIES = 8
"""How many mirrors are asked for the copy of a silent log."""
RETRY_SECONDS = 3600
STALE_SECONDS = 600
"""How long a log may still serve a checkpoint that is older than one that was submitted here."""
STATIC_STALE_SECONDS = 7 * 86_400
"""The same of a static site, which is brought up to date now and then."""
WANTED_SECONDS = 2
"""How soon a log is read again, at the earliest, because a reader says that it has gone on."""
_log = logging.getLogger(__name__)


def want(node: Keeper, seen: Mapping[str, int]) -> None:
    """Have logs read again soon that are held here with fewer leaves than a reader saw. seen: leaves by origin, unchecked."""
    with node.db.read() as conn:
        logs = [log for origin in seen if (log := witnesses.find(conn, origin)) is not None]
    short = [log.origin for log in logs if log.mirrored < seen[log.origin] and not log.wanted]
    if short:
        with node.db.write() as conn:
            for origin in short:
                witnesses.want(conn, origin, seen[origin])


@dataclass(eq=False)
class Follower:
    """What following needs: node, HTTP client, and the logs as replayed so far in this process."""

    node: Keeper
    peers: PeerClient
    replays: Replays
    stuck: dict[str, int] = field(default_factory=dict)
    """When a log was found to be false, or none of Hanse: it is witnessed all the same; its entries are not read each time."""

    def follow(self, log: WitnessedLog) -> WitnessedLog:
        """Follow a log as far as it goes, and return how it stands; raises what was in the way, which is also recorded."""
        try:
            self._read(log)
        except SizeConflict:  # somebody submitted a checkpoint just now
            return witness.find_log(self.node, log.origin)
        except HanseError as error:
            with self.node.db.write() as conn:
                witnesses.set_failure(conn, log.origin, f"{error.code}: {error.message}"[:500])
            raise
        with self.node.db.write() as conn:
            witnesses.set_followed(conn, log.origin, self.node.clock.now())
        return witness.find_log(self.node, log.origin)

    def _read(self, log: WitnessedLog) -> None:
        """Read a log at its address; one that does not answer, from the copies of others, unless there is nothing to catch up."""
        client = LogClient(self.peers, log.url)
        look_through(self.node.db, self.node.store, log.origin, log.mirrored, ())
        try:
            found = self.look(client, log)
            self._catch_up(client, found)
            if found.size > log.size:
                self._learn(client, log.origin)
        except PeerError:
            if log.mirrored == log.size or self.is_stuck(log) or not self._read_copies(log):
                raise

    def _learn(self, client: LogClient, origin: str) -> None:
        """Take up who cosigned a log that grows: its newest checkpoint is always too new to have many cosignatures."""
        with suppress(PeerError):  # a static site has no such file, and what is not learned now is learned later
            learn(self.node, origin, client.checkpoint_cosigned())

    def _catch_up(self, client: LogClient, log: WitnessedLog) -> None:
        while log.mirrored < log.size and not self.is_stuck(log):
            log = self.advance(client, log)

    def _read_copies(self, log: WitnessedLog) -> bool:
        """Read a silent log up to its last checkpoint from mirrors that this node knows; tell whether one of them had it."""
        with self.node.db.read() as conn:
            rows = [row for row in cosigners.every(conn) if row.kind == MIRROR and not row.name.startswith(f"{log.origin}/")]
        for row in rows[:MAX_COPIES]:
            try:
                self._catch_up(LogClient(self.peers, f"{row.url}/{log.origin_hash}"), witness.find_log(self.node, log.origin))
            except HanseError as error:  # a copy that is wrong says nothing about the log
                self.stuck.pop(log.origin, None)
                _log.info("follow: no copy of %s at %s: %s", log.origin, row.url, error.message)
                continue
            return True
        return False

    def is_stuck(self, log: WitnessedLog) -> bool:
        """Tell whether the entries of a log were found wanting a short while ago."""
        return self.node.clock.now() - self.stuck.get(log.origin, -RETRY_SECONDS) < RETRY_SECONDS

    def look(self, client: LogReader, log: WitnessedLog) -> WitnessedLog:
        """Read the log's checkpoint and cosign it as a witness if it has grown (step 1)."""
        opened = open_checkpoint(client.checkpoint(), *map(parse_vkey, log.vkeys))
        size = opened.checkpoint.size
        if opened.checkpoint.origin != log.origin:
            raise BadProof(f"{client.url} serves the log {opened.checkpoint.origin}, not {log.origin}")
        if size < log.size:
            return self._shorter(log, opened)
        proof = () if log.size in (0, size) else consistency_proof(log.size, size, client.tile)
        noted = opened.note.data
        opened = witness.check(self.node, UnverifiedRequest(log.size, proof, own_note(opened).encode()), log)
        if size == log.size:
            learn(self.node, log.origin, noted)
            return log
        return witness.record(self.node, log, opened).log

    def _shorter(self, log: WitnessedLog, opened: VerifiedCheckpoint) -> WitnessedLog:
        """Say that a log serves less than it signed before, unless its newest checkpoint may not have reached its readers yet."""
        age = self.node.clock.now() - log.time
        if age < STALE_SECONDS or (age < STATIC_STALE_SECONDS and self._static(log.url)):
            return log
        size = opened.checkpoint.size
        says = f"{log.origin} serves size {size} although it signed size {log.size}"
        evidence = canonical({"checkpoints": [log.note, own_note(opened)]})
        raise_alarm(self.node, Alarm("rollback", log.origin, says, evidence, self.node.clock.now()))
        raise RolledBack(says, hint="either it was restored from a backup, or it shows readers an old state")

    def _static(self, url: str) -> bool:
        """Tell whether a log is a part of a static site."""
        site = url.removesuffix("/log")
        return site != url and StaticSite(self.peers, site).index() is not None

    def advance(self, client: LogReader, log: WitnessedLog) -> WitnessedLog:
        """Take the next entries of a log into the copy, replay and cosign them (steps 2 to 4); return how it stands then."""
        return self._take(client, log, self._fetch(client, log.mirrored, log.size))

    def _take(self, client: LogReader, log: WitnessedLog, entries: Sequence[bytes]) -> WitnessedLog:
        copy = LogCopy(self.node.store, log.origin)
        try:
            growth = copy.grow(log.mirrored, entries)
            proof = self._check_root(client, log, growth)
            true = self._replay(log, entries, proof)
        except (IntegrityError, InputError):
            self.stuck[log.origin] = self.node.clock.now()
            raise
        if not true:
            return self._take(client, log, entries[: len(entries) // 2])
        copy.put(growth)
        if sightings.note(self.node.db, log.origin, log.mirrored, entries):
            two_trees.watch(self.node, log.origin, log.mirrored, entries)
        withdrawals.note(self.node.db, log.origin, entries, self.node.clock.now())
        look_through(self.node.db, self.node.store, log.origin, log.mirrored, entries)
        moved = self._arrive(log, growth)
        copy.sweep(log.mirrored, growth.new_size)
        return moved

    @staticmethod
    def _fetch(client: LogReader, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = []
        first = start // WIDTH
        for index in range(first, min(-(-end // WIDTH), first + STEP_BUNDLES)):
            bundle = client.bundle(index, min(WIDTH, end - index * WIDTH))
            entries += bundle[max(0, start - index * WIDTH) :]
            if sum(map(len, entries)) >= STEP_BYTES:
                break
        return entries

    @staticmethod
    def _check_root(client: LogReader, log: WitnessedLog, growth: Growth) -> tuple[bytes, ...]:
        """Return the proof that the entries lead to the checkpoint's root, or to one that it continues; raises BadProof."""
        root, size = bytes.fromhex(log.root), growth.new_size
        if size == log.size:
            if growth.root != root:
                raise BadProof(
                    f"the entries of {log.origin} lead to root {growth.root.hex()} at size {size}, it signed {log.root}"
                )
            return ()
        proof = consistency_proof(size, log.size, client.tile)
        verify_consistency(size, growth.root, log.size, root, proof)
        return proof

    def _replay(self, log: WitnessedLog, entries: Sequence[bytes], proof: Sequence[bytes]) -> bool:
        """Replay entries on what is known of the log; a log that is not true raises an alarm with the entries (step 3).

        proof: that the log which was signed begins with them. Returns False where one of them is false and they are too many to
        be kept: fewer are to be tried. Raises BadFormat, without an alarm, for a log whose first entry is no leaf: it is
        something else than a log of Hanse.
        """
        if not log.mirrored:
            parse_leaf(entries[0])
        try:
            found = self.replays.append(log, entries)
        except IntegrityError as error:
            if len(entries) > SHOWN_ENTRIES or (len(entries) > 1 and sum(map(len, entries)) > SHOWN_BYTES):
                return False
            says = f"{log.origin} is not true after size {log.mirrored}: {error.message}"
            shown = _evidence(log, entries, proof)
            raise_alarm(self.node, Alarm("false-log", log.origin, says[:1000], shown, self.node.clock.now()))
            raise
        for alarm in found:
            evidence = canonical({"index": alarm.index, "leaves": [leaf.decode() for leaf in alarm.evidence]})
            row = Alarm(alarm.kind.value, log.origin, alarm.says, evidence, self.node.clock.now(), alarm.type, alarm.repo)
            raise_alarm(self.node, row)
        return True

    def _arrive(self, log: WitnessedLog, growth: Growth) -> WitnessedLog:
        """Record the copy's new size, with our cosignature as a mirror if the checkpoint is reached (step 4)."""
        size, root = growth.new_size, growth.root.hex()
        note = mirrored_note(self.node, log) if size == log.size else ""
        with self.node.db.write() as conn:
            moved = witnesses.set_mirrored(conn, log, size, root, note)
            if moved:
                foreign.note_advisories(conn, log.origin, log.mirrored, size)
            present = witnesses.find(conn, log.origin)
        if moved:
            self.replays.keep(log.origin, arrived=size == log.size)
            if note:
                arrived(self.node, replace(log, mirrored=size, mirrored_root=root, mirror_note=note))
        if present is None:
            raise NotFoundError(f"the log {log.origin} is not witnessed any more")
        # The checkpoint to arrive at stays the one that was looked at, even if a newer one was submitted meanwhile.
        return replace(log, mirrored=size, mirrored_root=root, mirror_note=note or log.mirror_note) if moved else present


def _evidence(log: WitnessedLog, entries: Sequence[bytes], proof: Sequence[bytes]) -> bytes:
    """Return what shows that a log is not true: its checkpoint, the entries from where it was true before, and that it has them.

    With the entries before, which are held here, it convinces others (`hanse.flows.foreign.convincing`).
    """
    told = {"checkpoint": log.note, "from": log.mirrored, "leaves": [_shown(entry) for entry in entries]}
    return canonical(told | {"proof": [one.hex() for one in proof]})


def _shown(entry: bytes) -> object:
    """Return an entry as JSON: a text, or an object with its base64 where it is none."""
    try:
        return entry.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(entry).decode()}


class Following:
    """Follows the logs that have an address, each at most every `seconds`, in threads of its own.

    A log whose checkpoint was moved from outside is followed at once, and so is one that a reader saw with more leaves.
    One process of a node does it, and keeps what it replayed.
    """

    def __init__(
        self,
        node: Keeper,
        peers: PeerClient,
        seconds: int,
        *,
        replays: Replays | None = None,
        pace: float = ROUND_SECONDS,
    ) -> None:
        self._node = node
        self._seconds = seconds
        self._follower = Follower(node, peers, replays or Replays(node.store, node.db))
        self._looked: dict[str, int] = {}
        self._background = Background("follow", node.db, self.step, workers=_WORKERS, pace=pace)

    def start(self) -> None:
        """Start the threads."""
        self._background.start()

    def stop(self) -> None:
        """Follow no further; what is being read is left to end by itself."""
        self._background.stop()

    def step(self) -> int:
        """Follow whatever is due, without waiting for it; return how many logs that are."""
        with self._node.db.read() as conn:
            logs = [log for log in witnesses.every(conn) if log.url]
        now = self._node.clock.now()
        due = [log for log in logs if self._background.free(log.origin) and self._due(log, now)]
        if not due or not self._background.hold():
            return 0
        for log in due:
            self._looked[log.origin] = now
            self._background.run(log.origin, partial(self._one, log))
        return len(due)

    def _due(self, log: WitnessedLog, now: int) -> bool:
        waits = log.mirrored < log.size and not self._follower.is_stuck(log)
        pause = min(WANTED_SECONDS, self._seconds) if log.wanted > log.mirrored else self._seconds
        return waits or now - self._looked.get(log.origin, 0) >= pause

    def _one(self, log: WitnessedLog) -> Outcome:
        self._follower.follow(log)
        return Outcome.DONE
