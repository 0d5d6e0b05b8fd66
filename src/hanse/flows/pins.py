"""What this user saw before and never goes back behind: logs and their keys, refs, trees of revisions, owners of names.

One file for each origin, `HANSE_HOME/pins/<origin>.json`, mode 0600. A log met for the first time is pinned: its key, and from
then on its largest checkpoint; of every ref the newest position, of every revision its tree, of every namespace the key that
answers for it. Verification checks against what was read here (`Pins`); only what passed is stored (`remember`), after one more
check under a lock, because another process may have seen something newer meanwhile. A file that cannot be read is an error,
never forgotten: whoever could make us forget could roll us back.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hanse.errors import Equivocation, RolledBack, StorageError
from hanse.flows.remembered import read_private, write_private
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoType
from hanse.store.durable import make_directory

MAX_PINS_BYTES = 64 * 1024 * 1024
_VERSION = 1


@dataclass(frozen=True, slots=True)
class LogPin:
    """The largest checkpoint seen of a log. vkeys: keys it signs with; met: first contact; seen: when this checkpoint was taken.

    Times are seconds since 1970; root: hex; checkpoint: the signed note as text, which is evidence if the log contradicts it.
    """

    vkeys: tuple[str, ...]
    met: int
    size: int
    root: str
    checkpoint: str
    seen: int


@dataclass(frozen=True, slots=True)
class RefPin:
    """The newest position seen of a ref. log, index: where its leaf is; seq, rev, tree: what it says."""

    log: str
    index: int
    seq: int
    rev: str
    tree: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What observers of an upstream agreed on last about a ref; seqs: its number in the log of each who ever said something."""

    rev: str
    tree: str
    seqs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Pins:
    """What was seen of one origin, as a log and as one who answers for names.

    refs: by (type, repo, ref); trees: by (type, repo, rev); owners: fingerprint of the key that answers for a namespace;
    distrusted: fingerprint -> last log index at which a key of this log counts; cosigners: vkeys with which its operator
    cosigns; observed: of an upstream, what observers agreed on, by (type, repo, ref); earlier: by namespace, the keys that handed
    over to its owner's, each with the index of the leaf that ended it.
    """

    origin: Origin
    log: LogPin | None = None
    refs: Mapping[tuple[str, str, str], RefPin] = field(default_factory=dict)
    trees: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    distrusted: Mapping[str, int] = field(default_factory=dict)
    cosigners: frozenset[str] = frozenset()
    observed: Mapping[tuple[str, str, str], Observed] = field(default_factory=dict)
    earlier: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def ref(self, kind: RepoType, repo: str, ref: str) -> RefPin | None:
        """Return the newest position seen of a ref."""
        return self.refs.get((kind.value, repo, ref))

    def tree(self, kind: RepoType, repo: str, rev: str) -> str | None:
        """Return the tree that this revision had."""
        return self.trees.get((kind.value, repo, rev))


@dataclass(frozen=True, slots=True)
class LogSeen:
    """A checkpoint that was verified. consistent: it is the first, or was shown to continue the pinned one.

    cosigners: vkeys; whole: they are all of them, because the whole log was replayed.
    """

    origin: Origin
    vkeys: tuple[str, ...]
    size: int
    root: bytes
    checkpoint: bytes
    consistent: bool
    distrusted: Mapping[str, int] = field(default_factory=dict)
    cosigners: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class NameSeen:
    """A revision that was verified.

    owner: fingerprint of the key that answers for the namespace, empty if none was shown; observed: of an upstream's name, what
    observers agree on; earlier: the keys that handed over to the owner's, with the index of the leaf that ended each.
    """

    origin: Origin
    type: RepoType
    repo: str
    rev: str
    tree: Sha256
    ref: str = ""
    position: RefPin | None = None
    owner: str = ""
    observed: Observed | None = None
    earlier: Mapping[str, int] = field(default_factory=dict)


def read_pins(home: Path, origin: Origin) -> Pins:
    """Return what was seen of `origin`; raises StorageError if the file is damaged or others may write it."""
    path = _path(home, origin)
    try:
        data = read_private(path, MAX_PINS_BYTES)
        if data is None and not path.is_symlink() and not path.exists():
            return Pins(origin)
        if data is None:
            raise StorageError(f"{path} is not a file that only this user can write", hint=f"chmod 600 {path}")
        return _parse(origin, json.loads(data))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StorageError(
            f"cannot read what was seen of {origin} before: {error}"[:300],
            hint=f"restore {path} from a backup; deleting it makes the next contact a first one again, which nothing protects",
        ) from error


def remember(home: Path, logs: tuple[LogSeen, ...], name: NameSeen | None, now: int) -> None:
    """Store what was verified at `now`; never anything older than what is stored.

    Raises RolledBack or Equivocation if it contradicts what is stored by now, StorageError if it cannot be written.
    """
    origins = sorted({log.origin for log in logs} | ({name.origin} if name else set()))
    with _locked(home):
        fresh = []
        for origin in origins:
            old = new = read_pins(home, origin)
            for log in logs:
                if log.origin == origin:
                    new = _with_log(new, log, now)
            if name is not None and name.origin == origin:
                new = _with_name(new, name, frozenset(log.origin for log in logs if log.consistent))
            if new != old:
                fresh.append(new)
        # Everything was checked; now it is stored.
        for pins in fresh:
            _write(home, pins)


def check_log(pins: Pins, log: LogSeen) -> None:
    """Check a checkpoint against what was seen of its log; raises Equivocation if both cannot be true."""
    old = pins.log
    if old is not None and old.size == log.size and old.root != log.root.hex():
        raise Equivocation(
            f"{log.origin} signed two logs of {log.size} leaves: root {old.root} before, {log.root.hex()} now",
            evidence=(old.checkpoint.encode(), log.checkpoint),
            hint="keep both checkpoints: they prove that the log was rewritten",
        )


def check_ref(pins: Pins, kind: RepoType, repo: str, ref: str, found: RefPin, *, consistent: bool) -> None:
    """Check a position of a ref against the newest one seen; raises RolledBack if it is older, Equivocation if it contradicts.

    consistent: its log was shown to continue the one that was seen. Then a chain may have begun again (docs/journal.md), and the
    place in the log decides.
    """
    old = pins.ref(kind, repo, ref)
    if old is None:
        return
    if found.seq == old.seq and (found.rev, found.tree) != (old.rev, old.tree) and not (consistent and found.index > old.index):
        raise Equivocation(f"{ref} of {repo} has two revisions at position {old.seq}: {old.rev} before, {found.rev} now")
    later = found.index >= old.index if consistent and found.log == old.log else found.seq >= old.seq
    if not later:
        raise RolledBack(
            f"{ref} of {repo} was at position {old.seq} ({old.rev[:12]}) before, and is shown at {found.seq} ({found.rev[:12]})",
            hint="ask another node, or name the revision that you want with --revision",
        )


def check_observed(pins: Pins, kind: RepoType, repo: str, ref: str, found: Observed, *, need: int) -> None:
    """Check what observers say of a ref against what they said last.

    Another revision counts once `need` of those who were heard before have moved on in their logs: nobody is led back by those
    who are behind, or by others. Raises RolledBack.
    """
    old = pins.observed.get((kind.value, repo, ref))
    if old is None or (old.rev, old.tree) == (found.rev, found.tree):
        return
    moved = [one for one, seq in found.seqs.items() if seq > old.seqs.get(one, seq)]
    if len(moved) < need:
        raise RolledBack(
            f"{ref} of {repo} was at {old.rev[:12]} before; of those who observed that, {len(moved)} moved on to"
            f" {found.rev[:12]}, and {need} must",
            hint="ask more members, or name the revision that you want with --revision",
        )


def check_tree(pins: Pins, kind: RepoType, repo: str, rev: str, tree: str) -> None:
    """Check the tree of a revision against the one it had; raises Equivocation: a revision has one tree for ever."""
    old = pins.tree(kind, repo, rev)
    if old is not None and old != tree:
        raise Equivocation(f"revision {rev} of {repo} has two trees: {old} before, {tree} now")


def _with_log(pins: Pins, log: LogSeen, now: int) -> Pins:
    check_log(pins, log)
    distrusted = dict(pins.distrusted)
    for key, index in log.distrusted.items():
        distrusted[key] = min(index, distrusted.get(key, index))
    old = pins.log
    met = old.met if old else now
    if old is None or (log.consistent and log.size > old.size):
        fresh = LogPin(log.vkeys, met, log.size, log.root.hex(), log.checkpoint.decode(), now)
    else:
        fresh = old
    cosigners = log.cosigners if log.whole and log.consistent else pins.cosigners | log.cosigners
    return replace(pins, log=fresh, distrusted=distrusted, cosigners=cosigners)


def _with_name(pins: Pins, name: NameSeen, consistent: frozenset[Origin]) -> Pins:
    check_tree(pins, name.type, name.repo, name.rev, name.tree)
    refs, observed = dict(pins.refs), dict(pins.observed)
    key = (name.type.value, name.repo, name.ref)
    if name.observed is not None:
        # Whether enough moved was checked before; here, that nothing newer was stored meanwhile. The others' old numbers stay.
        check_observed(pins, name.type, name.repo, name.ref, name.observed, need=1)
        old = observed.get(key)
        observed[key] = replace(name.observed, seqs={**(old.seqs if old else {}), **name.observed.seqs})
    if name.position is not None:
        found = name.position
        check_ref(pins, name.type, name.repo, name.ref, found, consistent=Origin(found.log) in consistent)
        refs[key] = found
    trees = {**pins.trees, (name.type.value, name.repo, name.rev): name.tree}
    return _with_owner(replace(pins, refs=refs, trees=trees, observed=observed), name)


def _with_owner(pins: Pins, name: NameSeen) -> Pins:
    """Pin the owner's key; what was published under a key before the pinned one leads nobody back to it."""
    namespace = name.repo.partition("/")[0]
    pinned, earlier = pins.owners.get(namespace), pins.earlier.get(namespace, {})
    if not name.owner or name.owner in earlier:
        return pins
    kept = {**(earlier if pinned in (name.owner, *name.earlier) else {}), **name.earlier}
    owners = {**pins.owners, namespace: name.owner}
    return replace(pins, owners=owners, earlier={**pins.earlier, namespace: kept} if kept else pins.earlier)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    folder = home / "pins"
    try:
        make_directory(folder, 0o700)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StorageError(
            f"cannot write in {folder}: {error.strerror}", hint="set HANSE_HOME to a folder of your own"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _path(home: Path, origin: Origin) -> Path:
    return home / "pins" / f"{origin}.json"


def _write(home: Path, pins: Pins) -> None:
    log = pins.log
    told: dict[str, Any] = {
        "v": _VERSION,
        "origin": pins.origin,
        "log": None if log is None else [list(log.vkeys), log.met, log.size, log.root, log.checkpoint, log.seen],
        "refs": [[*key, one.log, one.index, one.seq, one.rev, one.tree] for key, one in pins.refs.items()],
        "trees": [[*key, tree] for key, tree in pins.trees.items()],
        "owners": dict(pins.owners),
        "distrusted": dict(pins.distrusted),
        "cosigners": sorted(pins.cosigners),
        "earlier": {namespace: dict(keys) for namespace, keys in pins.earlier.items()},
        "observed": [[*key, one.rev, one.tree, dict(one.seqs)] for key, one in pins.observed.items()],
    }
    data = json.dumps(told, indent=1).encode()
    if len(data) > MAX_PINS_BYTES:
        raise StorageError(f"more than {MAX_PINS_BYTES:,} bytes were seen of {pins.origin}")
    try:
        write_private(_path(home, pins.origin), data)
    except OSError as error:
        raise StorageError(f"cannot write what was seen of {pins.origin}: {error.strerror}") from error


def _parse(origin: Origin, told: Mapping[str, Any]) -> Pins:
    if told["v"] != _VERSION or told["origin"] != origin:
        raise ValueError(f"expected version {_VERSION} and origin {origin}")
    log = None
    if told["log"] is not None:
        vkeys, met, size, root, checkpoint, seen = told["log"]
        log = LogPin(tuple(map(str, vkeys)), int(met), int(size), str(root), str(checkpoint), int(seen))
    refs = {
        (str(kind), str(repo), str(ref)): RefPin(str(at), int(index), int(seq), str(rev), str(tree))
        for kind, repo, ref, at, index, seq, rev, tree in told["refs"]
    }
    trees = {(str(kind), str(repo), str(rev)): str(tree) for kind, repo, rev, tree in told["trees"]}
    owners = {str(name): str(key) for name, key in told["owners"].items()}
    distrusted = {str(key): int(index) for key, index in told["distrusted"].items()}
    observed = {
        (str(kind), str(repo), str(ref)): Observed(str(rev), str(tree), {str(by): int(seq) for by, seq in seqs.items()})
        for kind, repo, ref, rev, tree, seqs in told.get("observed", [])
    }
    earlier = {str(name): {str(key): int(at) for key, at in keys.items()} for name, keys in told.get("earlier", {}).items()}
    return Pins(origin, log, refs, trees, owners, distrusted, frozenset(map(str, told["cosigners"])), observed, earlier)
