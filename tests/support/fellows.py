"""Members of a federation as whole nodes in one process; they follow, cosign and read each other without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.attesting import settle, wait
from tests.support.nodes import TickingClock, make_node, running

from hanse.db import blobs, cosigners, witnesses
from hanse.db.cosigners import Cosigner
from hanse.db.engine import Database, sqlite_url
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError, NotFoundError, PeerDown, SizeConflict
from hanse.flows import access, cosign, evidence, mirror_cosign, witness
from hanse.flows.advisories.book import bundle_of
from hanse.flows.asking import Target, ask
from hanse.flows.enough import cosigned_checkpoint
from hanse.flows.federation.roots import Roots
from hanse.flows.follow import Follower
from hanse.flows.foreign.checkpoints import MIRROR, WITNESS
from hanse.flows.mirror.claims import RevisionClaim
from hanse.flows.mirror.complete import attest, complete, observe
from hanse.flows.mirror.intake import content_of, key_of
from hanse.flows.mirror.rows import open_mirror, pin
from hanse.flows.mirror.small import take_small
from hanse.flows.node import Node
from hanse.flows.outward import own_target
from hanse.flows.read import open_file
from hanse.flows.replays import Replays
from hanse.flows.trust import Cosigner as Known
from hanse.flows.trust import Trust, mirror_name, witness_name
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import EMPTY_XET, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.peers.client import Answer, PeerClient
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import NoteKey
from hanse.tlog.tiles import parse_tile_path

MAIN = RefName("refs/heads/main")
_EVIDENCE = re.compile(r"/api/models/([^/]+/[^/]+)/evidence/([^?]+)(?:\?seen=([^:]+):([0-9]+))?")
_COPY = re.compile(r"/mirror/([0-9a-f]{64})/(checkpoint|tile/.+)")


class Wire(PeerClient):
    """Asks nodes by `https://ORIGIN`, as their routes answer; who is in `down` does not. asked: addresses, in order."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__()
        self.nodes = nodes
        self.down: set[str] = set()
        self.asked: list[str] = []

    def _ask(
        self,
        method: str,  # noqa: ARG002
        url: str,
        limit: int,  # noqa: ARG002
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002
        *,
        deadline: float,  # noqa: ARG002
    ) -> tuple[Answer, str | None]:
        self.asked.append(url)
        host, slash, path = url.removeprefix("https://").partition("/")
        if host in self.down or host not in self.nodes:
            raise PeerDown(f"{host} does not answer")
        try:
            return Answer(200, "", self._answer(self.nodes[host], slash + path, body)), None
        except SizeConflict as error:
            return Answer(409, "", f"{error.size}\n".encode()), None
        except HanseError as error:
            return Answer(404 if isinstance(error, NotFoundError) else 422, "", error.message.encode()), None

    @staticmethod
    def _answer(node: Node, path: str, body: bytes | None) -> bytes:
        if path == "/log/checkpoint":
            return node.log.checkpoint()
        if path == "/log/checkpoint/cosigned":
            return cosigned_checkpoint(node)
        if path.startswith("/log/tile/"):
            return node.log.files.read(parse_tile_path(path.removeprefix("/log/")))
        if path == "/witness/add-checkpoint":
            return "".join(f"{line}\n" for line in witness.submit(node, body or b"").lines).encode()
        if path == "/mirror/add-checkpoint":
            return "".join(f"{line}\n" for line in mirror_cosign.submit(node, body or b"")).encode()
        if path.startswith("/v1/advisories/"):
            return bundle_of(node, Sha256(path.rpartition("/")[2]))
        copy, told = _COPY.fullmatch(path), _EVIDENCE.fullmatch(path)
        if copy is not None and copy[2] == "checkpoint":
            return mirror_cosign.newest_checkpoint(node, copy[1])
        if copy is not None:
            return mirror_cosign.read_copy(node, copy[1], parse_tile_path(copy[2]))
        if told is not None:
            named = RepoId(node.origin, RepoType.MODEL, *told[1].split("/"))
            seen = {told[3]: int(told[4])} if told[3] else {}
            return evidence.of_revision(node, access.find_named(node, ANONYMOUS, named), told[2], seen)[1]
        raise NotFoundError(f"{path} is no route")


@dataclass
class Fellows:
    """The members, by origin, each with what follows the others' logs."""

    nodes: dict[str, Node]
    wire: Wire
    clock: TickingClock
    followers: dict[str, Follower]

    def __getitem__(self, origin: str) -> Node:
        """Return a member's node."""
        return self.nodes[origin]

    @property
    def trust(self) -> Trust:
        """What somebody starts from who trusts the federation."""
        return Trust(self.roots.logs, self.roots.cosigners)

    @property
    def roots(self) -> Roots:
        """What the federation of all of them would vouch for."""
        logs = {node.origin: (node.log.key,) for node in self.nodes.values()}
        found = [
            Known(_key(node, kind), node.origin, kind == MIRROR) for node in self.nodes.values() for kind in (WITNESS, MIRROR)
        ]
        return Roots(logs, tuple(found), addresses={Origin(one): (f"https://{one}",) for one in self.nodes})

    def round(self) -> None:
        """Let everybody follow everybody, then ask for cosignatures, then follow again; who is down does nothing."""
        up = [one for one in self.nodes if one not in self.wire.down]
        for _ in range(2):
            for one in up:
                for log in _logs(self.nodes[one]):
                    if log.origin not in self.wire.down:
                        self.followers[one].follow(log)
            for one in up:
                self._asking(self.nodes[one])

    def _asking(self, node: Node) -> None:
        target = own_target(node)
        assert target is not None
        self._ask(node, node.origin, target)

    def refresh(self, by: str, origin: str) -> None:
        """Let a member have the last checkpoint of another one's log cosigned again, as it does when that is silent."""
        node = self.nodes[by]
        log = cosign.refresh_here(node, witness.find_log(node, origin))
        self._ask(node, origin, cosign.target_of(node, log))

    def _ask(self, node: Node, origin: str, target: Target) -> None:
        with node.db.read() as conn:
            rows = cosigners.every(conn)
        for row in rows:
            if row.name.partition("/")[0] not in (origin, *self.wire.down):
                cosign.keep(node, origin, row, ask(self.wire, row, target, self.clock.now()))

    def copy(self, source: str, repo: Repo, to: str) -> tuple[Repo, Revision]:
        """Let a member take in the revision that `main` of another one's repository points at, observe and attest it."""
        home, node = self.nodes[source], self.nodes[to]
        revision = access.resolve_revision(home, repo, "main")
        entries = list(home.listings.get(home.store, revision.object).directory.entries())
        pins = tuple(FilePin(one.path, one.size, one.git_oid, one.lfs, one.sha256, one.xet) for one in entries)
        with home.db.read() as conn:
            rows = blobs.find_by_xet(conn, repo.id, [one.xet for one in entries])
        mine = open_mirror(node, repo.repo, f"https://{source}")
        claimed = pin(node, mine, RevisionClaim(repo.repo, revision.rev, pins))
        contents = {key_of(one): content_of(take_small(node, mine, [one], _reads(home, rows), at_once=1)[0]) for one in pins}
        mine, made = complete(node, mine, claimed, contents)
        observe(node, mine, MAIN, made)
        attest(node, mine, made)
        wait(node)
        return mine, made

    def settle(self, origin: str) -> None:
        """Let a member attest all that it has."""
        settle(self.nodes[origin])


def _reads(home: Node, rows: Mapping[XetHash, blobs.FileRow]) -> Callable[[FilePin], bytes]:
    def read(one: FilePin) -> bytes:
        return open_file(home, rows[one.xet or EMPTY_XET]).read_at(0, one.size) if one.size else b""

    return read


def _key(node: Node, kind: str) -> NoteKey:
    signer = node.keys.witness if kind == WITNESS else node.keys.mirror
    return cosigner_key((witness_name if kind == WITNESS else mirror_name)(node.origin), signer.public)


def _logs(node: Node) -> list[witnesses.WitnessedLog]:
    with node.db.read() as conn:
        return witnesses.every(conn)


@contextmanager
def fellows(folder: Path, *origins: str) -> Iterator[Fellows]:
    """Run a node for each origin; all of them ask, witness and mirror all others. What is in the folder already goes on."""
    clock, known = TickingClock(), [origin for origin in origins if (folder / origin).exists()]
    with ExitStack() as stack:
        nodes: dict[str, Node] = {}
        for origin in origins:
            (folder / origin).mkdir(exist_ok=True)
            database = Database(sqlite_url(folder / origin / "hanse.db"))
            database.migrate()
            stack.callback(database.close)
            node = make_node(database, folder / origin / "data", clock=clock, origin=Origin(origin))
            nodes[origin] = stack.enter_context(running(node))
        wire = Wire(nodes)
        for node in nodes.values():
            _introduce(node, [one for one in nodes.values() if node.origin not in known and one is not node])
        yield Fellows(
            nodes, wire, clock, {one: Follower(node, wire, node.replays or Replays(node.store)) for one, node in nodes.items()}
        )


def _introduce(node: Node, others: list[Node]) -> None:
    with node.db.write() as conn:
        for one in others:
            witnesses.add(conn, one.origin, (one.log.key.text,), f"https://{one.origin}/log", EMPTY_ROOT.hex())
            for kind in (WITNESS, MIRROR):
                key = _key(one, kind)
                cosigners.put(conn, Cosigner(key.name, kind, key.text, f"https://{one.origin}/{kind}", 0))
