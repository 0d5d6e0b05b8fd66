"""What a verifier starts from: whom he knows, what he saw before, what he wants to know. Plain values, nothing is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hanse.flows.pins import Pins
from hanse.model.decision import Scanned
from hanse.model.digest import GitOid, Sha256
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin, RepoType
from hanse.tlog.note import NoteKey

MAX_NAME = 255
"""Bytes of a cosigner's name, a bound of the formats."""


def witness_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a witness."""
    return f"{origin[: MAX_NAME - 8]}/witness"


def mirror_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a mirror."""
    return f"{origin[: MAX_NAME - 8]}/mirror"


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Somebody whose cosignatures can be checked. member: its operator's origin, empty if unknown; mirror: it replays, too."""

    key: NoteKey
    member: str
    mirror: bool = False


@dataclass(frozen=True, slots=True)
class KnownList:
    """The list of a federation as it is known here.

    first: fingerprint of its first root, by which logs name it; members: origins; versions: of `root` and of `targets`; need: how
    many keys make a version.
    """

    name: str
    first: str
    members: frozenset[Origin]
    versions: Mapping[str, int]
    need: int


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier knows.

    logs: keys of logs that are configured; cosigners: witnesses and mirrors; keys: of signers, named by hand; pins: what was
    seen of each origin; growth: hashes of the RFC 6962 proof between the pinned checkpoint of a log and the one that is shown,
    whichever is larger; ask_growth: it was asked for, so a log without one is refused or does not count; scans: made here; meet:
    logs that may be met for the first time besides the one that answers for the name: of nodes that were asked by address;
    silent: members who were asked just now and did not answer; delegated: whose log names the keys of a namespace, by namespace,
    as federations say; lists: their lists, of which logs may name newer versions; distrusted: by log, fingerprint of a key ->
    last index at which it counts, as federations say.
    """

    logs: Mapping[Origin, tuple[NoteKey, ...]] = field(default_factory=dict)
    cosigners: tuple[Cosigner, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    pins: Mapping[Origin, Pins] = field(default_factory=dict)
    growth: Mapping[Origin, tuple[bytes, ...]] = field(default_factory=dict)
    ask_growth: bool = False
    scans: tuple[Scanned, ...] = ()
    meet: frozenset[Origin] = frozenset()
    silent: frozenset[Origin] = frozenset()
    delegated: Mapping[str, Origin] = field(default_factory=dict)
    lists: tuple[KnownList, ...] = ()
    distrusted: Mapping[Origin, Mapping[str, int]] = field(default_factory=dict)

    def cuts(self, origin: Origin) -> Mapping[str, int]:
        """Return the last index at which keys of a log count, by fingerprint: as was seen of it, and as federations say."""
        return earliest(self.seen(origin).distrusted, self.distrusted.get(origin, {}))

    def seen(self, origin: Origin) -> Pins:
        """Return what was seen of an origin before."""
        return self.pins.get(origin) or Pins(origin)


def earliest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the smaller index for each key of either."""
    return {key: min(found[key] for found in (one, other) if key in found) for key in (*one, *other)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be verified; what is None is whatever the evidence is about, as long as that is one thing.

    repo: `namespace/name`; ref: full name, to verify what it points at now; rev: a commit id; tree: the tree it must have;
    own_file: name of the evidence inside the model's folder, which a stock signer leaves out of his manifest.
    """

    origin: Origin | None = None
    type: RepoType | None = None
    repo: str | None = None
    ref: str | None = None
    rev: GitOid | None = None
    tree: Sha256 | None = None
    own_file: str = ""

    @property
    def named(self) -> bool:
        """Whether anything is asked for."""
        return any((self.origin, self.type, self.repo, self.ref, self.rev, self.tree))
