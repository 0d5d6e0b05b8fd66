"""Appending to the log: leaves a second in batches of 256, and what a commit costs in small and in large repositories.

Batches are what the sequencer takes up: waiting leaves read from the catalogue, tiles staged, one transaction that moves the
head and applies what the leaves change, bundles and tiles put in place, each step durable (fsync). Two kinds: statements
(`attest`, nothing to apply) and signed positions (`ref`, a commit each, with a map of 10^5 refs, 2 * 10^4 on PostgreSQL, and a
snapshot at the end of each batch).

A commit of 250 files is the whole of `publish`: files stored, listing, tree, record, signature, log.
"""

from __future__ import annotations

import base64
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert
from tests.support.nodes import ORIGIN, add_user, commit, make_node, new_repo, running

from bench.common import Bench, Row
from bench.listing import catalogue
from hanse.app import set_apart
from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import pending, repos, revisions
from hanse.flows import effects
from hanse.flows.chains import sign_ref
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.digest import NO_SHA256, GitOid, Sha256
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RefLeaf, RevKind
from hanse.model.repo import RefName, RepoType
from hanse.model.trust_leaf import AttestLeaf

MAIN = "refs/heads/main"
BATCHES = 20
REFS = {"sqlite": 100_000, "postgresql": 20_000}
_TIME = 1_800_000_000
_OMS = "https://model_signing/signature/v1.0"


@dataclass
class Writer:
    """Queues leaves directly in the catalogue, as publishing does, for repositories number 1 to `count`."""

    node: Node
    count: int
    tips: dict[int, tuple[int, Sha256]] = field(default_factory=dict)
    made: int = 0

    def fill(self) -> None:
        """Enter the repositories."""
        row = {"origin": ORIGIN, "type": "model", "namespace": "org", "namespace_folded": "org", "state": "live"}
        row |= {"visibility": "public"}
        rows = [{**row, "id": at, "name": f"m{at}", "created_at": 0, "updated_at": 0} for at in range(1, self.count + 1)]
        with self.node.db.write() as conn:
            conn.execute(insert(repos), rows)

    def refs(self, number: int) -> None:
        """Queue signed positions, of one repository after the other."""
        queued, commits = [], []
        for _ in range(number):
            at, (seq, prev) = self.made % self.count + 1, self.tips.get(self.made % self.count + 1, (0, NO_SHA256))
            rev = GitOid(hashlib.sha1(b"%d" % self.made).hexdigest())
            tree = Sha256(hashlib.sha256(b"%d" % self.made).hexdigest())
            self.made += 1
            name, key = f"org/m{at}", self.node.keys.ref.public.fingerprint
            leaf = RefLeaf(_TIME, ORIGIN, RepoType.MODEL, name, RefName(MAIN), seq + 1, prev, rev, RevKind.COMPUTED, tree, key)
            data = encode_leaf(sign_ref(leaf, self.node.keys.ref))
            self.tips[at] = (seq + 1, leaf_id(data))
            place = {"repo_id": at, "rev": rev, "tree": tree, "created_at": _TIME}
            queued.append({**place, **_row(data, "ref"), "ref": MAIN, "seq": seq + 1, "effect": effects.encode(effects.Commit())})
            words = {"title": "t", "message": "", "author": "a", "state": "pending", "files": 1, "bytes": 1}
            commits.append({**place, **words, "object": NO_SHA256})
        self._queue(queued, commits)

    def statements(self, number: int) -> None:
        """Queue statements about revisions."""
        queued = []
        for _ in range(number):
            self.made += 1
            payload = Payload(Sha256(hashlib.sha256(b"%d" % self.made).hexdigest()), 2048)
            key, sig = self.node.keys.attest.public.fingerprint, base64.b64encode(bytes(71)).decode()
            where = (_TIME, ORIGIN, RepoType.MODEL, "org/m1", GitOid("1" * 40), NO_SHA256)
            data = encode_leaf(AttestLeaf(*where, _OMS, payload, key, sig))
            queued.append({**_row(data, "attest"), "repo_id": 1, "effect": effects.NONE, "created_at": _TIME})
        self._queue(queued, [])

    def _queue(self, rows: list[dict[str, object]], commits: list[dict[str, object]]) -> None:
        with self.node.db.write() as conn:
            conn.execute(insert(pending), rows)
            if commits:
                conn.execute(insert(revisions), commits)


def _row(data: bytes, kind: str) -> dict[str, object]:
    return {"kind": kind, "leaf": data, "leaf_hash": leaf_id(data)}


def drain(node: Node) -> tuple[float, float, int]:
    """Append all that waits; return wall seconds, CPU seconds and how many leaves the log has more."""
    before, wall, cpu = node.log.size, time.perf_counter(), time.process_time()
    while node.sequencer.step():
        pass
    return time.perf_counter() - wall, time.process_time() - cpu, node.log.size - before


def appending(database: Database, folder: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return for each kind of leaf the (leaves a second, CPU microseconds a leaf) of each round, interleaved."""
    node = make_node(database, folder / "data")
    register_keys(node)
    set_apart()  # as a serving process does at its start
    writer = Writer(node, REFS[database.dialect])
    writer.fill()
    for _ in range(writer.count // 10_000):
        writer.refs(10_000)
        drain(node)
    kinds: dict[str, Callable[[int], None]] = {"statements": writer.statements, "signed refs": writer.refs}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, queue in kinds.items():
            queue(BATCHES * 255)
            wall, cpu, leaves = drain(node)
            found[name].append((leaves / wall, cpu / leaves * 1e6))
    return found


def committing(folder: Path, rounds: int) -> dict[int, list[tuple[float, float]]]:
    """Return for repositories of 10^3 and 10^5 files the (wall, CPU) milliseconds of commits of 250 files, interleaved."""
    database = Database(sqlite_url(folder / "commits.db"))
    database.migrate()
    found: dict[int, list[tuple[float, float]]] = {1_000: [], 100_000: []}
    with running(make_node(database, folder / "commits")) as node:
        alice = add_user(node, "alice")
        made = {}
        for size in found:
            made[size] = new_repo(node, alice, f"alice/m{size}")
            for start in range(0, size, 20_000):
                files = [PutBytes(f"d{at % 100}/f{at}.txt", b"%d" % (at % 50)) for at in range(start, min(size, start + 20_000))]
                commit(node, alice, made[size], *files)
        for turn in range(2 + 3 * rounds):
            for size, repo in made.items():
                files = [PutBytes(f"d{at % 100}/new{at}.txt", b"%d %d %d" % (size, turn, at)) for at in range(250)]
                wall, cpu = time.perf_counter(), time.process_time()
                commit(node, alice, repo, *files)
                if turn >= 2:
                    found[size].append(((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000))
    database.close()
    return found


def run(bench: Bench) -> list[Row]:
    """Measure appending on both databases and commits on SQLite."""
    rows: list[Row] = []
    for kind in ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder, catalogue(kind, Path(folder)) as database:
            for name, values in appending(database, Path(folder), bench.rounds).items():
                rates, costs = ([value[at] for value in values] for at in (0, 1))
                value = f"{statistics.median(rates):,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f})"
                value += f", {statistics.median(costs):.0f} us of CPU a leaf"
                rows.append(Row(f"{kind}: {name}, batches of 256", value, "10,000/s" if kind == "sqlite" else ""))
    found = committing(bench.folder, bench.rounds)
    medians = {size: [statistics.median(value[at] for value in values) for at in (0, 1)] for size, values in found.items()}
    for size, (wall, cpu) in medians.items():
        rows.append(Row(f"commit of 250 small files into {size:,} files", f"{wall:.0f} ms, {cpu:.0f} ms of CPU"))
    ratio = medians[100_000][1] / medians[1_000][1]
    rows.append(Row("the same, CPU at 10^5 files against 10^3", f"{ratio:.2f} x", "2 x"))
    return rows
