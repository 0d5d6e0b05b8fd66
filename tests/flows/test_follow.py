"""Following other logs: what a mirror cosigns is append-only, true and held; everything else is refused, and told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.following import honest_log, know, known_log, mirror_time, raised, stands
from tests.support.leaves import ORIGIN, OTHER, OWNER
from tests.support.logs import Log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import TickingClock, make_node
from tests.support.served import LogServer, log_server, until
from tests.support.signers import signer

from hanse.db.engine import Database
from hanse.errors import BadFormat, BadProof, BadSignature, HanseError, PeerDown, PeerRefused, RolledBack
from hanse.flows import follow, mirror_cosign, witness
from hanse.flows.cosigners import MIRROR, add_cosigner
from hanse.flows.follow import STATIC_STALE_SECONDS, Follower, Following
from hanse.flows.logcopy import LogCopy
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticIndex
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.peers.client import PeerClient
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.note import parse_vkey
from hanse.tlog.tiles import Growth

HOUR = 3600


@pytest.fixture(name="clock")
def _clock() -> TickingClock:
    """Return the node's clock."""
    return TickingClock()


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path, clock: TickingClock) -> Iterator[Node]:
    """Return a node that follows; it has no log of its own."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data", clock=clock)
    database.close()


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    """Return the client that asks other servers."""
    client = PeerClient(seconds=60)
    yield client
    client.close()


@pytest.fixture(name="follower")
def _follower(node: Node, peers: PeerClient) -> Follower:
    """Return what follows, with nothing replayed yet."""
    return Follower(node, peers, Replays(node.store))


@pytest.fixture(name="written")
def _written() -> Log:
    """Return the leaves of an honest log with one ref and its snapshot."""
    return honest_log()


@pytest.fixture(name="server")
def _server(node: Node, written: Log) -> Iterator[LogServer]:
    """Return the served log of those leaves, which the node knows."""
    with known_log(node, written) as made:
        yield made


def publish(server: LogServer, written: Log) -> None:
    """Put all leaves that were written into the served log."""
    server.log.append(written.leaves[server.log.size :])


def refused(follower: Follower, error: type[HanseError], words: str | None = None) -> None:
    """Follow a log that must be refused; the record says why."""
    with pytest.raises(error, match=words):
        follower.follow(stands(follower.node))
    assert stands(follower.node).failure.startswith(f"{error.code}: ")


def test_an_honest_log_is_held_and_cosigned(node: Node, follower: Follower, server: LogServer, clock: TickingClock) -> None:
    """Witness and mirror both cosign, the copy has every file of the log, and the record says when it was read."""
    log = follower.follow(stands(node))
    assert log == stands(node)
    assert (log.size, log.mirrored, log.failure, log.followed_at) == (server.log.size, server.log.size, "", clock.time)
    assert mirror_time(node) == clock.time
    copy = LogCopy(node.store, ORIGIN)
    assert [entry for part in copy.entries(0, log.size) for entry in part] == _entries(server.log)


def _entries(log: MemoryLog) -> list[bytes]:
    copy = [log.files[path] for path in log.files if path.startswith("tile/entries/")]
    entries, data = [], copy[-1]
    while data:
        size = int.from_bytes(data[:2], "big")
        entries.append(data[2 : 2 + size])
        data = data[2 + size :]
    return entries


def test_a_log_is_followed_in_steps(
    node: Node, follower: Follower, server: LogServer, written: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long log is read a few bundles at a time, each proved to be the beginning of what was signed before it is kept."""
    monkeypatch.setattr(follow, "STEP_BUNDLES", 1)
    for number in range(600):
        written.ref(number + 2)
    written.snapshot()
    publish(server, written)
    seen: list[int] = []
    put = LogCopy.put

    def counted(self: LogCopy, growth: Growth) -> None:
        seen.append(growth.new_size)
        put(self, growth)

    monkeypatch.setattr(LogCopy, "put", counted)
    follower.follow(stands(node))
    assert seen == [256, 512, server.log.size]
    assert mirror_time(node)


def test_what_grows_is_read_once(node: Node, follower: Follower, server: LogServer, written: Log) -> None:
    """After a restart the copy is replayed from the store; of the log only what is new is read."""
    for number in range(300):
        written.ref(number + 2)
    publish(server, written)
    follower.follow(stands(node))
    written.snapshot()
    publish(server, written)
    server.asked.clear()
    Follower(node, follower.peers, Replays(node.store)).follow(stands(node))
    assert "tile/entries/000" not in server.asked
    assert mirror_time(node)


def silent(node: Node, server: LogServer, copy: MemoryLog) -> None:
    """Let the log be witnessed up to its end and then be gone; a mirror that the node asks has this copy of it."""
    witness.submit(node, server.log.request(0))
    know(node, server.log, "http://127.0.0.1:9")
    copy.files = {f"{stands(node).origin_hash}/{path}": data for path, data in copy.files.items()}


def test_a_silent_log_is_read_from_a_copy(node: Node, follower: Follower, server: LogServer, clock: TickingClock) -> None:
    """Who did not read a log's last entries in time gets them from another mirror, and then vouches for them himself."""
    with log_server(server.log) as mirror:
        silent(node, server, mirror.log)
        with pytest.raises(PeerDown):
            follower.follow(stands(node))
        key = cosigner_key("m.example/mirror", signer("m").public)
        add_cosigner(node, [key.text], mirror.url, MIRROR)
        follower.follow(stands(node))
    assert stands(node).mirrored == server.log.size
    assert mirror_time(node) == clock.time


def test_a_false_copy_says_nothing_about_the_log(node: Node, follower: Follower, server: LogServer) -> None:
    """A mirror whose copy is not the log that was signed is passed over: no alarm, and the log may still come back."""
    other = MemoryLog(origin=ORIGIN)
    other.grow(server.log.size)
    with log_server(other) as mirror:
        silent(node, server, other)
        add_cosigner(node, [cosigner_key("m.example/mirror", signer("m").public).text], mirror.url, MIRROR)
        with pytest.raises(PeerDown):
            follower.follow(stands(node))
    assert raised(node) == []
    assert not follower.is_stuck(stands(node))
    assert stands(node).mirrored == 0


def test_a_false_map_is_not_cosigned(node: Node, follower: Follower, server: LogServer, written: Log) -> None:
    """A snapshot that is not what the leaves before it make: the witness sees nothing, the mirror refuses and keeps the proof."""
    good = follower.follow(stands(node))
    written.ref(2)
    written.add(SnapshotLeaf(1_800_000_000, Sha256("11" * 32), Sha256("00" * 32)))
    publish(server, written)
    refused(follower, BadProof)
    log = stands(node)
    assert (log.size, log.mirrored, log.mirror_note) == (server.log.size, good.mirrored, good.mirror_note)
    (alarm,) = raised(node)
    assert (alarm.kind, alarm.origin) == ("false-log", ORIGIN)
    shown = json.loads(alarm.evidence)
    assert shown["from"] == good.mirrored
    assert [leaf.encode() for leaf in shown["leaves"]] == written.leaves[good.mirrored :]
    assert open_checkpoint(shown["checkpoint"].encode(), parse_vkey(server.log.vkey)).checkpoint == server.log.head()


def test_a_false_log_stays_false(node: Node, follower: Follower, server: LogServer, written: Log, clock: TickingClock) -> None:
    """It is witnessed on, but not read again all the time; after an hour it is looked at once more."""
    written.add(SnapshotLeaf(1_800_000_000, Sha256("11" * 32), Sha256("00" * 32)))
    publish(server, written)
    refused(follower, BadProof)
    server.asked.clear()
    written.ref(2)
    publish(server, written)
    follower.follow(stands(node))
    assert not [path for path in server.asked if "entries" in path]
    assert stands(node).size == server.log.size
    assert stands(node).mirrored == 0
    clock.time += HOUR
    refused(follower, BadProof)


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (lambda log: log.add(log.leaves[-2]), BadProof),
        (lambda log: log.ref(2, by=OTHER), BadSignature),
        (lambda log: log.ref(2, by=None), BadSignature),
        (lambda log: [log.next_ref(2), log.ref(3), log.ref(4), log.leaves.pop(-2)], BadProof),
    ],
    ids=["replayed", "foreign key", "unsigned", "gap"],
)
def test_broken_chains_are_not_cosigned(
    node: Node, follower: Follower, server: LogServer, written: Log, write: Callable[[Log], object], error: type[HanseError]
) -> None:
    """Replayed, unsigned, foreign or missing leaves of a chain end the mirror's word as a false map does."""
    write(written)
    publish(server, written)
    with pytest.raises(HanseError):
        follower.follow(stands(node))
    assert stands(node).mirrored == 0
    assert [alarm.kind for alarm in raised(node)] == ["false-log"]


def test_a_change_of_owner_is_told(node: Node, follower: Follower, server: LogServer) -> None:
    """A new key of a namespace without a hand-over is logged truly: the mirror cosigns, and raises an alarm with the leaves."""
    served = MemoryLog(origin="owners.example.org", seed="owners")
    other = owner_log_of(served.origin)
    served.append(other.leaves)
    server.log = served
    known = know(node, served, server.url)
    followed = follower.follow(known)
    assert followed.mirrored == served.size
    (alarm,) = raised(node)
    assert (alarm.kind, alarm.origin) == ("owner-change", served.origin)
    assert json.loads(alarm.evidence)["leaves"][-1].encode() == other.leaves[-1]


def owner_log_of(origin: str) -> Log:
    """Return a log in which the namespace `org` gets another owner's key without a hand-over."""
    log = Log(origin=type(ORIGIN)(origin))
    log.key()
    log.key(OWNER, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.key(OTHER, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    return log


def test_a_lying_file_server_harms_nobody(node: Node, follower: Follower, server: LogServer, clock: TickingClock) -> None:
    """Entries that do not lead to the signed root are dropped without an alarm about the log; later the true ones are taken."""
    path = f"tile/entries/000.p/{server.log.size}"
    server.faults[path] = lambda data: data[:-3] + b"x" + data[-2:]
    refused(follower, BadProof, "lead to root")
    assert (stands(node).mirrored, raised(node)) == (0, [])
    assert list(node.store.list("mirrors/")) == []
    del server.faults[path]
    clock.time += HOUR
    assert follower.follow(stands(node)).mirrored == server.log.size


@pytest.mark.parametrize("fault", [lambda data: data[:-1], lambda data: data + b"\0\0", lambda data: data[:0]])
def test_truncated_bundles(node: Node, follower: Follower, server: LogServer, fault: Callable[[bytes], bytes]) -> None:
    """A bundle that is cut, too long or empty is refused before anything is replayed."""
    server.faults[f"tile/entries/000.p/{server.log.size}"] = fault
    with pytest.raises(HanseError):
        follower.follow(stands(node))
    assert stands(node).mirrored == 0


def test_missing_files(node: Node, follower: Follower, server: LogServer, written: Log) -> None:
    """A log without its tiles cannot prove that it grew: nothing is cosigned."""
    follower.follow(stands(node))
    written.ref(2)
    publish(server, written)
    server.faults = dict.fromkeys(server.log.files)
    before = stands(node)
    refused(follower, PeerRefused)
    assert stands(node).size == before.size


def test_another_log_at_the_address(node: Node, follower: Follower, server: LogServer) -> None:
    """A checkpoint signed by another key, or for another origin, is none of this log."""
    for other in (MemoryLog(origin=ORIGIN, seed="other"), MemoryLog(origin="other.example.org")):
        other.grow(3)
        server.shown = other.note()
        refused(follower, BadSignature)
    assert stands(node).size == 0


def test_a_fork_is_not_followed(node: Node, follower: Follower, server: LogServer) -> None:
    """Another history under the log's signature: no proof leads there, and two roots of one size are an alarm."""
    follower.follow(stands(node))
    fork = MemoryLog(origin=ORIGIN)
    fork.grow(server.log.size, "another entry")
    server.log = fork
    refused(follower, BadProof, "signed two roots")
    assert [alarm.kind for alarm in raised(node)] == ["equivocation"]
    fork.grow(3, "another entry")
    refused(follower, BadProof)


def test_a_rollback_is_told(node: Node, follower: Follower, server: LogServer, written: Log, clock: TickingClock) -> None:
    """A log that goes on serving less than it once signed is told, once readers had time to get the newest."""
    old = server.log.note()
    written.ref(2)
    publish(server, written)
    follower.follow(stands(node))
    server.shown = old
    follower.follow(stands(node))
    assert raised(node) == []
    clock.time += HOUR
    refused(follower, RolledBack, "although it signed size")
    assert [alarm.kind for alarm in raised(node)] == ["rollback"]


def test_a_static_site_lags_behind(node: Node, follower: Follower, server: LogServer, written: Log, clock: TickingClock) -> None:
    """A static site that was not brought up to date for days is no rollback; one that was not for longer is."""
    old = server.log.note()
    written.ref(2)
    publish(server, written)
    follower.follow(stands(node))
    server.shown = old
    index = StaticIndex(Origin(stands(node).origin), 1, 1, 0)
    server.log.files["/hanse.json"] = json.dumps(index.as_json()).encode()
    clock.time += STATIC_STALE_SECONDS - 1
    follower.follow(stands(node))
    assert raised(node) == []
    clock.time += 1
    refused(follower, RolledBack, "although it signed size")


def test_a_log_of_something_else_is_witnessed(node: Node, follower: Follower, server: LogServer) -> None:
    """Entries that are no leaves of Hanse are nothing to replay: such a log is followed and cosigned as a witness only."""
    other = MemoryLog(origin="example.com/behind-the-sofa", seed="else")
    other.grow(5)
    server.log = other
    known = know(node, other, server.url)
    with pytest.raises(BadFormat):
        follower.follow(known)
    other.grow(5)
    follower.follow(witness.find_log(node, other.origin))
    log = witness.find_log(node, other.origin)
    assert (log.size, log.mirrored, log.mirror_note) == (10, 0, "")
    assert raised(node) == []


def test_it_goes_on_by_itself(node: Node, peers: PeerClient, server: LogServer, written: Log) -> None:
    """Started once, it follows what grows; what was submitted from outside is followed at once, not at the next look."""
    following = Following(node, peers, 3600, pace=0.02)
    following.start()
    until(lambda: stands(node).mirrored == server.log.size)
    written.ref(2)
    publish(server, written)
    assert mirror_cosign.submit(node, server.log.request(stands(node).size)) == ()
    until(lambda: stands(node).mirrored == server.log.size)
    assert mirror_cosign.submit(node, server.log.request(server.log.size, server.log.size))
    following.stop()
