"""A member in the simulation: its log, and beside it the real witness, mirror and gatherer of cosignatures of a node.

What a node does in threads, `follow`, `gather`, `refresh` and `learn` do once, when the schedule says so. The catalogue is a real
SQLite database; objects are in memory. A corrupt member cosigns whatever it is asked to, and its own log may lie.
"""

from __future__ import annotations

import base64
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event, update
from starlette.responses import Response
from tests.support.simulation.lineage import Known, Lineage
from tests.support.simulation.network import MemoryStore, Network, Wire
from tests.support.simulation.reader import Bag
from tests.support.simulation.simlog import SimLog

from hanse.db import cosignatures, cosigners, leaves, witnesses
from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import pending
from hanse.db.witnesses import WitnessedLog, origin_hash
from hanse.errors import HanseError
from hanse.flows import cosign, mirror_cosign, witness
from hanse.flows.asking import Target, ask
from hanse.flows.federation.enact import enact
from hanse.flows.follow import Follower
from hanse.flows.keeper import WitnessNode
from hanse.flows.keyring import Keyring
from hanse.flows.replays import Replays
from hanse.flows.witness import mirror_name, witness_name
from hanse.model.key_leaf import KeyUse
from hanse.model.repo import Origin
from hanse.peers.client import Answer
from hanse.tlog.addcheckpoint import parse_request
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from hanse.tlog.cosignature import cosign as cosign_line
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.members import Member
from hanse.tlog.note import ED25519, NoteKey, parse_note
from hanse.web.errors import STATUS
from hanse.web.log import cosigning

MOST_ASKED = 1_000


class SkewedClock:
    """The world's clock, as one party's machine has it. skew: seconds by which it is ahead."""

    def __init__(self, base: list[int]) -> None:
        self._base = base
        self.skew = 0

    @property
    def time(self) -> int:
        """The time of the world."""
        return self._base[0]

    def now(self) -> int:
        """Return the time of this machine."""
        return self._base[0] + self.skew


def hasty(database: Database) -> Database:
    """Return a catalogue that does not wait for the disk: nobody pulls a plug here."""

    @event.listens_for(database._writer, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return database


class SimMember:
    """One institution.

    shown: the branch of its log that somebody is shown instead of the log; corrupt: it lies; accomplices: who cosigns each of a
    liar's branches.
    """

    def __init__(self, origin: str, folder: Path, template: Path, network: Network, lineage: Lineage) -> None:
        self.origin = Origin(origin)
        self.clock = SkewedClock(lineage.time)
        self.log = SimLog(origin, self.clock.now())
        self.branches = [self.log]
        self.shown: dict[str, SimLog] = {}
        self.corrupt = self.gone = False
        self.accomplices: list[SimMember] = []
        self.turned = 0
        self.notes: dict[str, tuple[int, bytes, bytes]] = {}
        self.kept: dict[str, list[Bag]] = {}
        self.stood: dict[str, list[tuple[int, int, bytes]]] = {}
        self.wire = Wire(network, origin)
        self.known = Known(lineage)
        path = folder / f"{origin}.db"
        shutil.copyfile(template, path)
        log = self.log
        keys = Keyring(log.log_signer, log.witness, log.mirror, log.attest, log.ref)
        self.node = WitnessNode(self.origin, keys, hasty(Database(sqlite_url(path))), MemoryStore(), self.clock)
        self.follower = Follower(self.node, self.wire, Replays(self.node.store, self.node.db))
        self.vkeys = {KeyUse.LOG: [log.vkey]} | {
            use: [cosigner_key(named(origin), signer.public)]
            for use, named, signer in (
                (KeyUse.WITNESS, witness_name, log.witness),
                (KeyUse.MIRROR, mirror_name, log.mirror),
            )
        }
        network.servers[origin] = self

    @property
    def listed(self) -> Member:
        """What it asks to be listed as."""
        keys = {use: tuple(found) for use, found in self.vkeys.items()}
        space = self.origin.partition(".")[0]
        address = f"https://{self.origin}"
        return Member(
            self.origin, space, (address,), keys[KeyUse.LOG], keys[KeyUse.WITNESS], keys[KeyUse.MIRROR], (space,), 10**12
        )

    # What it answers.

    def answer(self, viewer: str, method: str, path: str, body: bytes) -> Answer:
        """Answer a request as the routes of a node do, by their own code."""
        try:
            return self._answer(viewer, method, path, body)
        except HanseError as error:
            status = next(STATUS[base] for base in type(error).__mro__ if base in STATUS)
            return Answer(status, "text/plain", error.message.encode())

    def _answer(self, viewer: str, method: str, path: str, body: bytes) -> Answer:
        _, room, rest = f"{path}/".split("/", 2)
        if not rest:  # whether it is a static site
            return Answer(404, "", b"")
        rest = rest.removesuffix("/")
        if room == "federation":
            return self.known.answer(rest)
        if room == "evidence":
            return Answer(200, "", self._own_note(1, self.shown.get(viewer, self.log))[2])
        if room == "log":
            log = self.shown.get(viewer, self.log)
            data = log.signed_head if rest == "checkpoint" else log.log.files.get(rest, b"")
            return Answer(200 if data else 404, "", data)
        if method == "POST" and self.corrupt:
            return Answer(200, "", self._cosign_blindly(body, mirror=room == "mirror"))
        add = cosigning.add_to_mirror if room == "mirror" else cosigning.add_to_witness
        found = add(self.node, body) if method == "POST" else self._copy(room, rest)
        if method == "POST" and found.status_code == 200:
            head = parse_checkpoint(parse_note(parse_request(body).note)).claimed
            self._stand(head.origin, head.size, head.root)
        return Answer(found.status_code, "", bytes(found.body))

    def _copy(self, room: str, rest: str) -> Response:
        digest, _, what = rest.partition("/")
        if what != "checkpoint":
            return cosigning.mirrored_tile(self.node, digest, what.removeprefix("tile/"))
        shows = cosigning.mirrored_checkpoint if room == "mirror" else cosigning.witnessed_checkpoint
        return shows(self.node, digest)

    def _cosign_blindly(self, body: bytes, *, mirror: bool) -> bytes:
        witnessed, mirrored = self.cosign_any(parse_checkpoint(parse_note(parse_request(body).note)).claimed)
        return f"{mirrored if mirror else witnessed}\n".encode()

    def cosign_any(self, head: Checkpoint) -> tuple[str, str]:
        """Return a liar's cosignatures, as witness and as mirror, of a checkpoint that he never looked at."""
        keys, now = self.node.keys, self.clock.now()
        witnessed = cosign_line(head, witness_name(self.origin), keys.witness, now)
        return witnessed, cosign_line(head, mirror_name(self.origin), keys.mirror, now)

    # What it does.

    def follow(self, origin: str) -> WitnessedLog:
        """Follow another log once; raises what is in the way."""
        found = self.follower.follow(witness.find_log(self.node, origin))
        self._stand(origin, found.size, bytes.fromhex(found.root))
        self.fetch_note(origin)
        return found

    def fetch_note(self, origin: str) -> None:
        """Keep the log's checkpoint with the cosignatures that its operator has of it, which his evidence files show."""
        try:
            got = self.wire.get(f"https://{origin}/evidence/checkpoint", limit=1 << 20)
        except HanseError:
            return
        head = parse_checkpoint(parse_note(got.body)).claimed
        self.notes[origin] = head.size, head.root, got.body

    def _stand(self, origin: str, size: int, root: bytes) -> None:
        """Remember that the witness stood at a checkpoint; it may never go back."""
        heads = self.stood.setdefault(origin, [(0, 0, b"")])
        assert size >= heads[-1][1], f"{self.origin} went back to size {size} of {origin}"
        if (size, root) != heads[-1][1:]:
            heads.append((self.clock.time, size, root))

    def enact(self) -> None:
        """Do what follows from the federation as it is known, and log which versions of it were seen."""
        enact(self.node, self.known.federation)
        with self.node.db.write() as conn:
            waiting = leaves.waiting(conn, MOST_ASKED)
            for row in waiting:
                self.log.carry([row.leaf])
            conn.execute(update(pending).where(pending.c.index.is_(None)).values(index=pending.c.id))

    def gather(self, count: int = MOST_ASKED, first: int = 0) -> None:
        """Ask so many others, from the first on, to cosign the own log; those who do not answer, or refuse, are left."""
        head = open_checkpoint(self.log.signed_head, self.log.vkey).checkpoint
        with self.node.db.read() as conn:
            rows = cosigners.every(conn)
        for row in (rows + rows)[first % (len(rows) or 1) :][: min(count, len(rows))]:
            log = self.shown.get(row.name.partition("/")[0], self.log)
            shown = head if log is self.log else log.log.head()
            size = shown.size
            target = Target(shown, log.signed_head, (log.vkey,), partial(_prove, log, size), partial(int, size))
            cosign.keep(self.node, self.origin, row, ask(self.wire, row, target, self.clock.now()))

    def refresh(self, origin: str, count: int = MOST_ASKED) -> None:
        """Have the last checkpoint of another log cosigned again, as is done for one that fell silent."""
        log = witness.find_log(self.node, origin)
        if not log.note or not log.size:
            return
        again = cosign.refresh_here(self.node, log)
        target = cosign.target_of(self.node, again)
        with self.node.db.read() as conn:
            rows = cosigners.every(conn)
        for row in [one for one in rows if one.name.partition("/")[0] != origin][:count]:
            asked = ask(self.wire, replace(row, size=again.size, failure=""), target, self.clock.now())
            cosign.keep(self.node, origin, row, asked)

    def learn(self, *others: str) -> None:
        """Walk to the newest state of the federation that others have, and do what follows."""
        if self.known.walk(self.wire, others):
            self.enact()

    def restart(self) -> None:
        """Lose what was only in memory."""
        self.follower = Follower(self.node, self.wire, Replays(self.node.store, self.node.db))

    def rotate(self, use: KeyUse) -> None:
        """Change a key; the federation has to be told (`listed`)."""
        new = self.log.rotate(use)
        field = use.value
        self.node = replace(self.node, keys=replace(self.node.keys, **{field: new}))
        self.restart()
        if use is KeyUse.LOG:
            key = NoteKey(self.origin, new.public, ED25519)
        else:
            named = witness_name if use is KeyUse.WITNESS else mirror_name
            key = cosigner_key(named(self.origin), new.public)
        self.vkeys[use] = [*self.vkeys[use], key][-3:]

    # What it has to show of a log.

    def best_note(self, origin: str, need: int, viewer: str) -> tuple[int, bytes, bytes] | None:
        """Return size, root and checkpoint, with cosignatures, of a log as this member shows it; None if it has none."""
        return self._own_note(need, self.shown.get(viewer, self.log)) if origin == self.origin else self._copied_note(origin)

    def _own_note(self, need: int, log: SimLog) -> tuple[int, bytes, bytes]:
        with self.node.db.read() as conn:
            found = cosignatures.newest_size(conn, self.origin, "mirror", need)
            size = found if found in log.moments else len(log.log.leaves)
            rows = cosignatures.of_size(conn, self.origin, size)
        root = log.log.roots[size]
        lines = [one.line for one in rows if one.root == root.hex()]
        if self.corrupt:
            lines += [line for one in self.accomplices for line in one.cosign_any(log.log.head(size))]
        return size, root, log.signed_note(size) + "".join(f"{line}\n" for line in lines).encode()

    def _copied_note(self, origin: str) -> tuple[int, bytes, bytes] | None:
        digest = origin_hash(origin)
        try:
            note = mirror_cosign.newest_checkpoint(self.node, digest)
            mine = witness.newest_checkpoint(self.node, digest)
        except HanseError:
            return None
        head = parse_checkpoint(parse_note(note)).claimed
        if parse_checkpoint(parse_note(mine)).claimed == head:
            note = united(note, mine)
        size, root, told = self.notes.get(origin, (0, b"", b""))
        if (size, root) == (head.size, head.root):
            note = united(told, note)
        elif size < head.size and told.count(b"/mirror ") > note.count(b"/mirror "):
            return size, root, told
        return head.size, head.root, note

    def stands(self) -> list[WitnessedLog]:
        """Return what it saw of every log it watches."""
        with self.node.db.read() as conn:
            return witnesses.every(conn)

    def close(self) -> None:
        """Close the catalogue."""
        self.node.db.close()
        self.wire.close()


def united(note: bytes, other: bytes) -> bytes:
    """Return a note with the newest line of each name from it and from another note of the same text."""
    text, _, lines = note.decode().partition("\n\n")
    newest: dict[str, str] = {}
    for line in (*lines.splitlines(), *other.decode().partition("\n\n")[2].splitlines()):
        name, data = line.split(" ")[1:]
        if name not in newest or base64.b64decode(data)[4:12] > base64.b64decode(newest[name].split(" ")[2])[4:12]:
            newest[name] = line
    return f"{text}\n\n{''.join(f'{line}{chr(10)}' for line in newest.values())}".encode()


def _prove(log: SimLog, size: int, old: int) -> tuple[bytes, ...]:
    return () if old in (0, size) else log.growth(old, size)
