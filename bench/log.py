"""Offline proofs against the size of the log: how large they are, how fast they verify, what a client fetches to make one.

Logs of 10^7 leaves are not stored: their leaves are all the same, so that every tile follows from its level, and proofs of
them are as long as any and verify in full.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.support.signers import signer

from bench.common import Bench, Row
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import Checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignatures
from hanse.tlog.hashing import HASH_BYTES, Frontier, leaf_hash, node_hash
from hanse.tlog.note import ED25519, NoteKey, encode_note, parse_note
from hanse.tlog.proof import consistency_proof, consistency_tiles, inclusion_proof, inclusion_tiles, verify_consistency
from hanse.tlog.tiles import TileName
from hanse.tlog.tlogproof import TlogProof, parse_tlog_proof, verify_tlog_proof

SIZES = tuple(10**power for power in range(3, 8))
COSIGNERS = {"w1.example": Scheme.ED25519, "w2.example": Scheme.ED25519}
HYBRID = COSIGNERS | {"p1.example": Scheme.ML_DSA_44, "p2.example": Scheme.ML_DSA_44}
PLACES = (0.0, 0.123, 0.5, 0.777, 0.999)
TIME = 1_800_000_000


@dataclass(frozen=True)
class UniformLog:
    """A log of `size` leaves that are all the same. levels: hash of a perfect subtree of each height."""

    size: int
    levels: tuple[bytes, ...]

    @classmethod
    def of(cls, size: int) -> UniformLog:
        """Return the log of `size` leaves."""
        levels = [leaf_hash(b'{"kind":"ref"}')]
        for _ in range(64):
            levels.append(node_hash(levels[-1], levels[-1]))
        return cls(size, tuple(levels))

    def read(self, name: TileName) -> bytes:
        """Return a tile."""
        return self.levels[8 * (name.level or 0)] * name.width

    def head(self, size: int | None = None) -> Checkpoint:
        """Return the checkpoint of the log, or of an earlier size."""
        at = size or self.size
        peaks = tuple(self.levels[bit] for bit in range(53, -1, -1) if at >> bit & 1)
        return Checkpoint("log.example", at, Frontier(at, peaks).root)

    def proof(self, index: int, cosigners: dict[str, Scheme]) -> bytes:
        """Return the tlog-proof file of the leaf at `index`."""
        head = self.head()
        own = [line.text for line in parse_note(sign_checkpoint(head, signer("log"))).signatures]
        lines = [cosign(head, name, signer(name, scheme), TIME) for name, scheme in cosigners.items()]
        return TlogProof(index, inclusion_proof(index, self.size, self.read), encode_note(head.text, own + lines)).encode()


def rate(work: Callable[[], object], seconds: float = 0.5) -> float:
    """Return how often `work` runs in a second of processor time."""
    work()
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        work()
        count += 1
    return count / passed


def rates(work: Callable[[], object], rounds: int) -> str:
    """Return the median of `rate` with the smallest and largest."""
    found = sorted(rate(work) for _ in range(rounds))
    return f"{median(found):,.0f} ({found[0]:,.0f} to {found[-1]:,.0f})"


def verify_all(proofs: Sequence[bytes], leaf: bytes, cosigners: dict[str, Scheme]) -> Callable[[], None]:
    """Return a step that verifies the next of `proofs` from its bytes: log, every cosigner, inclusion."""
    log = NoteKey("log.example", signer("log").public, ED25519)
    keys = [cosigner_key(name, signer(name, scheme).public) for name, scheme in cosigners.items()]
    at = 0

    def step() -> None:
        nonlocal at
        verified = verify_tlog_proof(parse_tlog_proof(proofs[at]), leaf, log)
        assert len(verify_cosignatures(verified.checkpoint, verified.note.signatures, keys)) == len(keys)
        at = (at + 1) % len(proofs)

    return step


def download(names: Sequence[TileName]) -> str:
    """Return how many tiles these are and what they weigh."""
    return f"{len(names)} tiles, {sum(name.width for name in names) * HASH_BYTES / 1000:.1f} kB"


def _of_size(size: int, rounds: int) -> list[Row]:
    log = UniformLog.of(size)
    indexes = [int(size * place) for place in PLACES]
    plain, hybrid = ([log.proof(index, some) for index in indexes] for some in (COSIGNERS, HYBRID))
    weights = [max(map(len, proofs)) for proofs in (plain, hybrid)]
    old = size * 9 // 10
    path, both = consistency_proof(old, size, log.read), (log.head(old), log.head())
    verify_consistency(old, both[0].root, size, both[1].root, path)
    speed = rates(verify_all(plain, log.levels[0], COSIGNERS), rounds)
    most = max((inclusion_tiles(index, size) for index in indexes), key=lambda names: sum(one.width for one in names))
    what = f"10^{len(str(size)) - 1} leaves"
    return [
        Row(f"{what}: inclusion proof, 2 Ed25519 cosignatures (2 ML-DSA-44 more)", f"{weights[0]} B ({weights[1]} B)"),
        Row(f"{what}: verified in full from its bytes, a second of processor time", speed, ">= 500"),
        Row(f"{what}: fetched by a client that makes the proof itself", download(most)),
        Row(f"{what}: consistency since 90 %", f"{len(path)} hashes; {download(consistency_tiles(old, size))}"),
    ]


def run(bench: Bench) -> list[Row]:
    """Return sizes and speed of proofs for logs of 10^3 to 10^7 leaves, and the speed of single steps at 10^7."""
    rows = [row for size in SIZES for row in _of_size(size, bench.rounds)]
    log = UniformLog.of(SIZES[-1])
    hybrid = verify_all([log.proof(7, HYBRID)], log.levels[0], HYBRID)
    head = log.head()
    steps: dict[str, Callable[[], object]] = {
        "verified with 2 ML-DSA-44 cosignatures more": hybrid,
        "inclusion proof made from tiles in memory": lambda: inclusion_proof(1_234_567, log.size, log.read),
        "checkpoint signed": lambda: sign_checkpoint(head, signer("log")),
        "checkpoint cosigned, Ed25519": lambda: cosign(head, "w1.example", signer("w1.example"), TIME),
    }
    for what, step in steps.items():
        rows.append(Row(f"10^7 leaves: {what}, a second", rates(step, bench.rounds)))
    return rows
