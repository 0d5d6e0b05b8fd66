"""A log of 1,000 repositories and 100,000 leaves, followed from zero: `python -m tests.faults.many_repos FOLDER [LEAVES]`.

The log is made and served by another process; this one is a member that has nothing of it, and says at its end what that took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.common import peak_memory
from bench.following import file_server, write
from tests.support.logs import operator_log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import make_node

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows import witness
from hanse.flows.cosigners import add_log
from hanse.flows.follow import Follower
from hanse.flows.replays import Replays
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient

REPOS, LEAVES, BATCH = 1_000, 100_000, 255
VKEY = "vkey"


@dataclass(frozen=True)
class Took:
    """What following took.

    seconds: of processor time; again: the same to replay the copy after a restart; peak: bytes of memory of the process;
    catalogue: bytes of its file.
    """

    leaves: int
    repos: int
    seconds: float
    again: float
    peak: int
    catalogue: int


def publish(folder: Path, leaves: int) -> None:
    """Write the log: repositories, then their `main` moving in turn, with a snapshot after each batch."""
    made, log = operator_log(), MemoryLog(origin="models.example")
    log = replace(log, origin=str(made.origin))
    names = [f"org/m{number}" for number in range(REPOS)]
    for name in names:
        made.repo(repo=name)
    replay, done, number = made.replay(), log.append(made.leaves), 0
    while log.size < leaves:
        for _ in range(min(BATCH, leaves - log.size - 1)):
            made.ref(number, repo=names[number % REPOS])
            number += 1
        replay.append_own_unverified(made.leaves[done:])
        replay.append([made.add(replay.snapshot(0))])
        log.append(made.leaves[done:])
        done = len(made.leaves)
    write(log, folder)
    (folder / VKEY).write_text(f"{log.origin}\n{log.vkey}")


def follow(folder: Path) -> Took:
    """Follow what was published in a folder, and replay the copy as after a restart."""
    origin, vkey = (folder / "served" / VKEY).read_text().split("\n")
    database = Database(sqlite_url(folder / "node.db"))
    database.migrate()
    node = replace(make_node(database, folder / "data", clock=SystemClock()), origin=Origin("follower.example"))
    with file_server(folder / "served") as url:
        add_log(node, [vkey], url)
        peers = PeerClient()
        begin = time.process_time()
        stands = Follower(node, peers, Replays(node.store)).follow(witness.find_log(node, origin))
        seconds = time.process_time() - begin
        peers.close()
        assert stands.mirrored == stands.size
        begin = time.process_time()
        Replays(node.store).append(stands, [])
    again = time.process_time() - begin
    database.close()
    size = sum(path.stat().st_size for path in folder.glob("node.db*"))
    return Took(stands.size, REPOS, seconds, again, peak_memory(int(Path("/proc/self").resolve().name)), size)


def main(folder: Path, leaves: int = LEAVES) -> None:
    """Publish in one process, follow in this one, and print what it took as JSON."""
    served = folder / "served"
    served.mkdir(parents=True)
    said = f"from pathlib import Path; from tests.faults.many_repos import publish; publish(Path({str(served)!r}), {leaves})"
    subprocess.run([sys.executable, "-c", said], check=True)
    took = follow(folder)
    print(json.dumps({name: getattr(took, name) for name in took.__dataclass_fields__}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
