"""Replaying a log, and its map of refs: leaves a second, cost of one more ref at a million of them, size of a proof, memory.

All in this process, on one core, in CPU seconds.
"""

from __future__ import annotations

import gc
import random
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from tests.support.leaves import ORIGIN
from tests.support.logs import operator_log

from bench.common import Bench, Row, Spread, spread
from hanse.model.digest import NO_SHA256
from hanse.model.leaf import encode_leaf
from hanse.model.ref_leaf import RefLeaf
from hanse.model.repo import RefName, RepoType
from hanse.tlog.map import MerkleMap, ref_key, ref_value
from hanse.tlog.replay import Replay

BATCH = 256
LEAVES = 10_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)
STATE = 100_000
Pairs = list[tuple[bytes, bytes]]


def run(bench: Bench) -> list[Row]:
    """Measure replay, then the map at growing sizes, then the whole state at many refs."""
    return [*_rates(bench.rounds), *_maps(bench.rounds), *_state(bench.rounds)]


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def _ms(values: list[float]) -> str:
    found: Spread = spread([1000 * value for value in values])
    return f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f})"


def _moving_log() -> list[bytes]:
    """Return a log in which 100 refs of one repository move on and on, with a snapshot after each batch."""
    log = operator_log()
    replay = log.replay()
    while len(log.leaves) < LEAVES:
        start = len(log.leaves)
        for number in range(BATCH - 1):
            log.ref(number, ref=f"refs/heads/b{number % 100}")
        replay.append_own_unverified(log.leaves[start:])
        replay.append([log.add(replay.snapshot(0))])
    return log.leaves


def _take(leaves: list[bytes], *, verify: bool) -> Replay:
    replay = Replay.start(ORIGIN)
    add = replay.append if verify else replay.append_own_unverified
    for at in range(0, len(leaves), BATCH):
        add(leaves[at : at + BATCH])
    return replay


def _rates(rounds: int) -> list[Row]:
    leaves = _moving_log()
    checked, own = list[float](), list[float]()
    for _ in range(rounds):
        checked.append(len(leaves) / _cpu(partial(_take, leaves, verify=True)))
        own.append(len(leaves) / _cpu(partial(_take, leaves, verify=False)))
    rate = spread(checked)
    whole = "; ".join(f"10^{power}: {10**power / rate.median:.3g}" for power in range(3, 8))
    return [
        Row("replay, every signature checked: leaves a CPU-second", f"{rate.median:.0f} ({rate.low:.0f} to {rate.high:.0f})"),
        Row("replay of a node's own leaves: leaves a CPU-second", "{:.0f} ({:.0f} to {:.0f})".format(*spread(own))),
        Row("replay of a log of so many leaves, at the first rate: CPU-s", whole),
    ]


def _pairs(count: int) -> Pairs:
    """Return entries of a map of refs, one a repository."""
    rev, tree = "ab" * 20, "cd" * 32
    value = ref_value(1, rev, tree)
    return [(ref_key(ORIGIN, RepoType.MODEL, f"org/name{number}", "refs/heads/main"), value) for number in range(count)]


def _singly(refs: MerkleMap, changes: Pairs) -> None:
    for change in changes:
        refs.apply([change])


def _maps(rounds: int) -> list[Row]:
    rows = list[Row]()
    for size in SIZES:
        rows += _map_of(size, rounds)
    return rows


def _map_of(size: int, rounds: int) -> list[Row]:
    pairs, chosen = _pairs(size), random.Random(1)
    seconds = _cpu(lambda: MerkleMap.empty().apply(pairs))
    refs, one, many = MerkleMap.empty().apply(pairs), list[float](), list[float]()
    for _ in range(rounds):
        picked = {pairs[chosen.randrange(size)][0] for _ in range(BATCH)}
        changes = [(key, sha256(key).digest()) for key in picked]
        one.append(_cpu(partial(_singly, refs, changes)) / len(changes))
        many.append(_cpu(partial(refs.apply, changes)) / len(changes))
    return [
        Row(f"map of {size:,} refs: made at once, CPU-s", f"{seconds:.2f}"),
        Row(f"map of {size:,} refs: a ref changed by itself, ms", _ms(one), "<= 1"),
        Row(f"map of {size:,} refs: a ref of {BATCH} changed together, ms", _ms(many), "<= 1"),
        Row(f"map of {size:,} refs: a proof, bytes", str(len(refs.prove(pairs[0][0]).encode()))),
    ]


def _first(leaf: RefLeaf, name: str) -> bytes:
    """Return the first leaf of another ref; its signature is not its own, which nobody checks here."""
    return encode_leaf(replace(leaf, ref=RefName(name), seq=1, prev=NO_SHA256))


def _clones(replay: Replay) -> None:
    for _ in range(BATCH):
        replay.clone()


def _grow(replay: Replay, leaves: list[bytes]) -> None:
    for data in leaves:
        replay.append_own_unverified([data])


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _state(rounds: int) -> list[Row]:
    """Measure the whole state of a log at many refs: memory, a copy, one more leaf."""
    log = operator_log()
    replay = log.replay()
    before = _resident()
    leaf = log.next_ref(1)
    for start in range(0, STATE, BATCH):
        names = [f"refs/heads/b{number}" for number in range(start, start + BATCH)]
        replay.append_own_unverified([_first(leaf, name) for name in names])
    grown, one, copies = _resident() - before, list[float](), list[float]()
    for number in range(rounds):
        more = [_first(leaf, f"refs/heads/c{number}-{at}") for at in range(BATCH)]
        copies.append(_cpu(partial(_clones, replay)) / BATCH)
        one.append(_cpu(partial(_grow, replay.clone(), more)) / BATCH)
    return [
        Row(f"state of {STATE:,} refs in memory, bytes a ref", f"{grown / STATE:.0f}"),
        Row(f"state of {STATE:,} refs: a copy, ms", _ms(copies)),
        Row(f"state of {STATE:,} refs: one leaf by itself, map included, ms", _ms(one), "<= 1"),
    ]
