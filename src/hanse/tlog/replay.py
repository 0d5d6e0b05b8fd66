"""Replay: what a log says, computed from its leaves alone, one after another. Whoever repeats it gets the same maps.

Rules, in the order in which a leaf meets them:

1. It parses. Kinds not known here are carried along; one that must be understood makes its repository undecidable, or everything
   if it does not name one. In what is undecidable nothing is judged any more.
2. `key`: the rules of `hanse.tlog.keyring`. What a distrusted key signed afterwards is taken back from the maps.
3. `repo`: a repository in clear of this origin is created once, and is there when it is renamed, deleted or hidden; chains begin
   and end as `docs/journal.md` says.
4. `ref`: this origin's are computed, others' claimed; seq and prev continue the chain, and two leaves of one position are an
   equivocation. From the first `ref` key on every leaf is signed: in clear and of this origin with the key of its namespace,
   else (and where the owner holds that) with the node's ref key. It is shown in the map, unless the owner must sign it first.
5. `attest` with `ref` and `seq`: by the owner's key over a position that waits, it shows that position.
6. `advisory`: by an `attest` key; retracted is only what is in force.
7. `snapshot`: its roots are those of the two maps at this point.

A leaf against the rules raises BadProof, BadSignature, Equivocation or TooLarge, and the replay stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hanse.errors import BadProof, InputError
from hanse.model.alarm import Alarm
from hanse.model.digest import GitOid, Sha256
from hanse.model.key_leaf import KeyLeaf, KeyUse
from hanse.model.leaf import Leaf, UnknownLeaf, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp
from hanse.model.repo import Origin, RefName, RepoType
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp, AttestLeaf, SnapshotLeaf
from hanse.tlog.chains import Chain, Chains, Place, Token
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.keyring import KeyRecord, Keyring
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value
from hanse.tlog.refrules import At, apply_position, apply_ref, apply_repo, token_of
from hanse.tlog.trie import Trie

MAX_ALARMS = 1_000
"""Alarms that a replay remembers, the newest; what changed the keys of a namespace is in its keyring as well."""
MAX_ADVISORIES = 100_000
"""Advisories in force at one time."""


@dataclass(frozen=True, slots=True)
class RefPosition:
    """A position of a ref. index: of its leaf; since: index of the first leaf of its chain.

    key, by: whose signature puts it into the map ("" for none), and the index of the leaf with it.
    """

    origin: Origin
    type: RepoType
    repo: str
    ref: RefName | Sha256
    seq: int
    rev: GitOid | Sha256
    tree: Sha256
    index: int
    since: int
    key: str
    by: int


@dataclass(frozen=True, slots=True)
class Active:
    """An advisory in force. payload: digest of its statement; key, by: who published it, and the index of that leaf."""

    payload: Sha256
    key: Sha256
    by: int


@dataclass(slots=True)
class State:
    """All that a replay knows. Its parts are persistent or small, so that `fork` costs nothing."""

    origin: Origin
    keys: Keyring
    chains: Chains = field(default_factory=Chains)
    frontier: Frontier = field(default_factory=Frontier)
    refs: MerkleMap = field(default_factory=MerkleMap.empty)
    advisories: MerkleMap = field(default_factory=MerkleMap.empty)
    active: Trie[str, Active] = field(default_factory=Trie)
    snapshot: tuple[int, bytes, bytes] | None = None
    alarms: tuple[Alarm, ...] = ()
    unknown: Trie[Token, bool] = field(default_factory=Trie)
    lost: bool = False

    def fork(self) -> State:
        """Return a copy that can be changed on its own; costs nothing."""
        return replace(self, chains=self.chains.fork())

    def flush(self) -> None:
        """Bring the map of refs up to date."""
        changes = self.chains.changes
        if changes:
            puts = [(key, value) for key, value in changes.items() if value is not None]
            self.refs = self.refs.apply(puts, [key for key, value in changes.items() if value is None])
            self.chains.changes = {}


class Replay:
    """The state of one log after its first leaves. Not safe for threads; `clone` one for each.

    What readers look up (`refs`, `advisories`, positions) is what others may be told: where an owner holds a namespace's key,
    only what he signed.
    """

    __slots__ = ("_earlier", "_state")

    def __init__(self, state: State, earlier: Callable[[int], bytes] | None) -> None:
        self._state = state
        self._earlier = earlier

    @classmethod
    def start(cls, origin: Origin, earlier: Callable[[int], bytes] | None = None) -> Replay:
        """Return the replay of a log without leaves.

        earlier: returns the leaf at an index, so that contradictions can be shown with both leaves as evidence.
        """
        return cls(State(origin, Keyring(origin)), earlier)

    def clone(self) -> Replay:
        """Return a copy that goes on by itself; costs nothing."""
        return Replay(self._state.fork(), self._earlier)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Take in the next leaves, all or none; one call with many is cheaper than many calls.

        Raises BadProof, BadSignature, Equivocation or TooLarge for the first leaf against the rules.
        """
        self._append(leaves, verify=True)

    def append_own_unverified(self, leaves: Sequence[bytes]) -> None:
        """Do as `append`, but believe the signatures of ref leaves: only for what this very process has just signed."""
        self._append(leaves, verify=False)

    def _append(self, leaves: Sequence[bytes], *, verify: bool) -> None:
        run = _Run(self._state.fork(), leaves, self._earlier, verify=verify)
        for number in range(len(leaves)):
            run.take(number)
        run.state.flush()
        run.state.frontier = run.state.frontier.append(map(leaf_hash, leaves))
        self._state = run.state

    @property
    def state(self) -> State:
        """All that is known, to be written down; not to be changed."""
        return self._state

    @property
    def origin(self) -> Origin:
        """Whose log it is."""
        return self._state.origin

    @property
    def size(self) -> int:
        """Leaves taken in."""
        return self._state.frontier.size

    @property
    def frontier(self) -> Frontier:
        """The log's frontier at this size; its root is what a checkpoint of this size has."""
        return self._state.frontier

    @property
    def refs(self) -> MerkleMap:
        """The map of all refs."""
        return self._state.refs

    @property
    def advisories(self) -> MerkleMap:
        """The map of all advisories in force."""
        return self._state.advisories

    @property
    def chains(self) -> Chains:
        """All refs, those included that nothing shows; not to be changed."""
        return self._state.chains

    @property
    def keyring(self) -> Keyring:
        """The keys that the log has registered."""
        return self._state.keys

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What somebody must be told, in order of the log; of very many only the newest."""
        return self._state.alarms

    @property
    def snapshot_index(self) -> int | None:
        """Index of the newest `snapshot` leaf."""
        return None if self._state.snapshot is None else self._state.snapshot[0]

    @property
    def covered(self) -> bool:
        """Whether the newest `snapshot` leaf has the roots of the present maps: no change came after it."""
        state = self._state
        roots = (bytes(32), bytes(32)) if state.snapshot is None else state.snapshot[1:]
        return roots == (state.refs.root, state.advisories.root)

    @property
    def understood(self) -> bool:
        """Whether no leaf that must be understood was of a kind or version not known here; a mirror needs this to vouch."""
        return not self._state.lost and not len(self._state.unknown)

    def undecidable(self, origin: str, kind: str, repo: str) -> bool:
        """Tell whether nothing can be said about the refs of a repository, because of a leaf that is not understood."""
        return self._state.lost or self._state.unknown.get((origin, kind, repo.lower())) is not None

    def snapshot(self, time: int) -> SnapshotLeaf:
        """Return the leaf that says what the maps are now; time: seconds since 1970."""
        return SnapshotLeaf(time, Sha256(self.refs.root.hex()), Sha256(self.advisories.root.hex()))

    def key(self, fingerprint: str) -> KeyRecord | None:
        """Return a key that the log has registered, whether it still counts or not."""
        return self._state.keys.get(fingerprint)

    def advisory(self, advisory_id: str) -> Sha256 | None:
        """Return the digest of the payload of an advisory in force."""
        found = self._state.active.get(advisory_id)
        return None if found is None else found.payload

    def position(self, kind: RepoType, repo: str, ref: str, origin: Origin | None = None) -> RefPosition | None:
        """Return what the map of refs has for a ref, deleted refs (all zeros) included; origin: the log's own by default.

        repo: `namespace/name` in any case, or as a concealed leaf has it (then ref, too).
        """
        token = (origin or self.origin, kind.value, repo.lower())
        chain = self._state.chains.get(token, ref)
        return None if chain is None or chain.shown is None else _position(token, ref, chain, chain.shown)

    def newest(self, kind: RepoType, repo: str, ref: str, origin: Origin | None = None) -> RefPosition | None:
        """Return the newest position of a ref, whether or not its owner has signed it."""
        token = (origin or self.origin, kind.value, repo.lower())
        chain = self._state.chains.get(token, ref)
        return None if chain is None else _position(token, ref, chain, chain.head)

    def positions(self) -> Iterator[RefPosition]:
        """Yield all that the map of refs has, in no particular order."""
        for token, ref, chain in self._state.chains.items():
            if chain.shown is not None:
                yield _position(token, ref, chain, chain.shown)


def _position(token: Token, ref: str, chain: Chain, place: Place) -> RefPosition:
    origin, kind, repo = token
    rev, tree = GitOid(place.rev.hex()), Sha256(place.tree.hex())
    tail = {"index": place.at, "since": chain.since, "key": place.key, "by": place.by}
    return RefPosition(Origin(origin), RepoType(kind), repo, RefName(ref), place.seq, rev, tree, **tail)  # type: ignore[arg-type]


class _Run:
    """Leaves on their way into a state that nobody else sees yet."""

    def __init__(self, state: State, leaves: Sequence[bytes], earlier: Callable[[int], bytes] | None, *, verify: bool) -> None:
        self.state = state
        self._leaves = leaves
        self._earlier = earlier
        self._verify = verify
        self._start = state.frontier.size

    def take(self, number: int) -> None:
        """Take in one of the leaves."""
        state, raw = self.state, self._leaves[number]
        at = At(state.origin, self._start + number, raw, state.keys, self._quote)
        try:
            leaf = parse_leaf(raw)
        except InputError as error:
            raise BadProof(f"{at} cannot be read: {error.message}") from error
        if isinstance(leaf, UnknownLeaf):
            self._unknown(leaf)
        elif not state.lost:
            self._known(leaf, at)

    def _quote(self, index: int) -> tuple[bytes, ...]:
        if index >= self._start:
            return (self._leaves[index - self._start],)
        return () if self._earlier is None else (self._earlier(index),)

    def _unknown(self, leaf: UnknownLeaf) -> None:
        if not leaf.must:
            return
        if leaf.origin is None or leaf.type is None or leaf.repo is None:
            self.state.lost = True
        else:
            self.state.unknown = self.state.unknown.put((leaf.origin, leaf.type, leaf.repo.lower()), True)

    def _known(self, leaf: Leaf, at: At) -> None:
        state = self.state
        if isinstance(leaf, KeyLeaf):
            self._key(leaf, at)
        elif isinstance(leaf, RefLeaf | RepoLeaf | AttestLeaf):
            if len(state.unknown) and state.unknown.get(token_of(leaf)) is not None:
                self._spread(leaf)
            elif isinstance(leaf, RefLeaf):
                apply_ref(state.chains, leaf, at, verify=self._verify)
            elif isinstance(leaf, RepoLeaf):
                apply_repo(state.chains, leaf, at)
            else:
                self._alarm(apply_position(state.chains, leaf, at))
        elif isinstance(leaf, AdvisoryLeaf):
            self._advisory(leaf, at)
        elif isinstance(leaf, SnapshotLeaf):
            self._snapshot(leaf, at)

    def _spread(self, leaf: RefLeaf | RepoLeaf | AttestLeaf) -> None:
        """Let what is undecidable stay so under another name."""
        if isinstance(leaf, RepoLeaf) and leaf.op in (RepoOp.RENAME, RepoOp.TRANSFER) and not leaf.concealed:
            self.state.unknown = self.state.unknown.put((leaf.origin, leaf.type.value, str(leaf.to)), True)

    def _key(self, leaf: KeyLeaf, at: At) -> None:
        state, change = self.state, self.state.keys.apply(leaf, at.index, at.raw)
        state.keys = change.keys
        self._alarm(change.alarm)
        for lost in change.lost:
            state.chains.drop(lost.key, lost.after, "" if lost.scope is None else lost.scope[1])
            gone = [name for name, one in state.active.items() if one.key == lost.key and one.by > lost.after]
            for name in gone:
                state.active = state.active.remove(name)
            state.advisories = state.advisories.apply([], map(advisory_key, gone))

    def _advisory(self, leaf: AdvisoryLeaf, at: At) -> None:
        state = self.state
        state.keys.require(leaf.key, KeyUse.ATTEST, at.index)
        name = advisory_key(leaf.id)
        if leaf.op is AdvisoryOp.PUBLISH:
            if len(state.active) >= MAX_ADVISORIES:
                raise BadProof(f"{at}: more than {MAX_ADVISORIES} advisories are in force")
            state.active = state.active.put(leaf.id, Active(leaf.payload.sha256, leaf.key, at.index))
            state.advisories = state.advisories.apply([(name, advisory_value(leaf.payload.sha256))])
        elif state.active.get(leaf.id) is None:
            raise BadProof(f"{at} retracts {leaf.id}, which is not in force")
        else:
            state.active = state.active.remove(leaf.id)
            state.advisories = state.advisories.apply([], [name])

    def _snapshot(self, leaf: SnapshotLeaf, at: At) -> None:
        state = self.state
        state.flush()
        found = (state.refs.root, state.advisories.root)
        said = (bytes.fromhex(leaf.refs), bytes.fromhex(leaf.advisories))
        if found == said:
            state.snapshot = (at.index, *said)
        elif len(state.unknown):
            state.lost = True  # what is not understood may have changed the maps
        else:
            which = "refs" if found[0] != said[0] else "advisories"
            raise BadProof(f"{at} names another map of {which} than the leaves before it lead to")

    def _alarm(self, alarm: Alarm | None) -> None:
        if alarm is not None:
            self.state.alarms = (*self.state.alarms, alarm)[-MAX_ALARMS:]
