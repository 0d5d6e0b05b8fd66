"""A replay written down, so that who replayed a log once need not do it again: for one's own use, never for others.

Parts of bytes: first what is not about refs, with the SHA-256 of itself before it and those of all other parts in it; then the
chains, some thousand positions a part. Reading makes the maps anew from the chains, and their roots must be those written down.
Whoever reads still has to see that the frontier is the one of the log he means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import msgspec

from hanse.errors import BadProof
from hanse.model.alarm import Alarm
from hanse.model.key_leaf import KeyUse
from hanse.model.repo import parse_origin
from hanse.tlog.chains import Chain, Chains, Token
from hanse.tlog.hashing import HASH_BYTES, Frontier
from hanse.tlog.keyring import KeyRecord, Keyring, Tenure
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value
from hanse.tlog.replay import Active, Replay, State
from hanse.tlog.trie import Trie

VERSION = 1
"""Raised whenever the rules of replay change: what was written under others is replayed anew."""
PART_POSITIONS = 4096
"""Positions of refs in one part, about; one has 100 to 400 bytes."""
_Listed = list[tuple[Token, list[tuple[str, Chain]]]]


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """version: of the rules; frontier: encoded; refs, advisories: roots; parts: SHA-256 of each of the others, in order."""

    version: int
    origin: str
    frontier: bytes
    refs: bytes
    advisories: bytes
    snapshot: tuple[int, bytes, bytes] | None
    lost: bool
    unknown: list[Token]
    keys: list[KeyRecord]
    tenures: list[tuple[KeyUse, str, tuple[Tenure, ...]]]
    vouched: list[tuple[str, list[tuple[KeyUse, str, str, int]]]]
    active: list[tuple[str, Active]]
    alarms: tuple[Alarm, ...]
    parts: list[bytes]


_write = msgspec.msgpack.Encoder().encode
_read_head = msgspec.msgpack.Decoder(_Head).decode
_read_chains = msgspec.msgpack.Decoder(_Listed).decode


def save(replay: Replay) -> list[bytes]:
    """Return the parts from which `load` makes an equal replay; costs some microseconds for each ref."""
    state = replay.state
    chains = [_write(part) for part in _parts(state.chains)]
    keys, tenures, vouched = state.keys.parts()
    head = _Head(
        version=VERSION,
        origin=state.origin,
        frontier=state.frontier.encode(),
        refs=state.refs.root,
        advisories=state.advisories.root,
        snapshot=state.snapshot,
        lost=state.lost,
        unknown=list(state.unknown),
        keys=[record for _, record in keys.items()],
        tenures=[(use, name, found) for (use, name), found in tenures.items()],
        vouched=[(key, [(use, name, other, at) for ((use, name), other), at in found.items()]) for key, found in vouched.items()],
        active=list(state.active.items()),
        alarms=state.alarms,
        parts=[sha256(part).digest() for part in chains],
    )
    data = _write(head)
    return [sha256(data).digest() + data, *chains]


def load(parts: Sequence[bytes], earlier: Callable[[int], bytes] | None = None) -> Replay:
    """Return the replay that `save` wrote; earlier: as for `Replay.start`.

    Raises BadProof, BadFormat or BadRepoId for anything that is damaged, not complete, or of other rules than those of now.
    """
    if not parts or sha256(parts[0][HASH_BYTES:]).digest() != parts[0][:HASH_BYTES]:
        raise BadProof("the first part of a replay that was written down is damaged")
    try:
        head = _read_head(parts[0][HASH_BYTES:])
        if head.version != VERSION or [sha256(part).digest() for part in parts[1:]] != head.parts:
            raise BadProof("a replay that was written down is damaged, or by other rules than those of now")
        chains = Chains.of(item for part in parts[1:] for item in _read_chains(part))
    except msgspec.MsgspecError as error:
        raise BadProof(f"a replay that was written down does not parse: {str(error)[:200]}") from error
    state = State(
        origin=parse_origin(head.origin),
        keys=_keyring(head),
        chains=chains,
        frontier=Frontier.parse(head.frontier),
        advisories=MerkleMap.empty().apply([(advisory_key(name), advisory_value(one.payload)) for name, one in head.active]),
        active=Trie.of(dict(head.active)),
        snapshot=head.snapshot,
        alarms=head.alarms,
        unknown=Trie.of(dict.fromkeys(head.unknown, True)),
        lost=head.lost,
    )
    state.flush()
    if (state.refs.root, state.advisories.root) != (head.refs, head.advisories):
        raise BadProof("a replay that was written down has other maps than it says")
    return Replay(state, earlier)


def _keyring(head: _Head) -> Keyring:
    keys: dict[str, KeyRecord] = {record.fingerprint: record for record in head.keys}
    tenures = {(use, name): found for use, name, found in head.tenures}
    vouched = {key: Trie.of({((use, name), other): at for use, name, other, at in found}) for key, found in head.vouched}
    return Keyring(parse_origin(head.origin), Trie.of(keys), Trie.of(tenures), Trie.of(vouched))


def _parts(chains: Chains) -> Iterator[_Listed]:
    """Yield the chains in parts; a repository with many is in several, one without any is there, too."""
    part, held = _Listed(), 0
    for token, refs in chains.repos():
        part.append((token, []))
        for ref, chain in refs:
            if held >= PART_POSITIONS:
                yield part
                part, held = [(token, [])], 0
            part[-1][1].append((ref, chain))
            held += 1 + len(chain.waiting)
    if part:
        yield part
