"""What lies beside a TensorFlow graph and runs nothing: the index of a checkpoint and a SavedModel's fingerprint."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.budget import Budget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.protobuf import BYTES, VARINT, Wire, shape
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER = 48
MAX_FINGERPRINT = 512
FINGERPRINT = {1: VARINT, 2: VARINT, 3: VARINT, 4: VARINT, 5: VARINT, 6: BYTES, 7: BYTES}


def claims_index(_head: bytes, source: Source) -> bool:
    """Tell whether the content ends as a table of names and places does, which is what an index is."""
    return source.size >= FOOTER and source.read_at(source.size - 8, 8) == TABLE_MAGIC


def claims_fingerprint(head: bytes, source: Source) -> bool:
    """Tell whether the content is the message of five hashes, a version and an id, and nothing else."""
    if not 20 <= source.size <= MAX_FINGERPRINT or head[:1] != b"\x08":
        return False
    fields = shape(Wire(source, Budget({"operations": 10_000})), 0, source.size, 2 * len(FINGERPRINT))
    numbers = [one.number for one in fields or () if FINGERPRINT.get(one.number) == one.wire]
    return fields is not None and len(numbers) == len(fields) == len(set(numbers)) and {1, 2, 3}.issubset(numbers)


def observe(_source: Source, _view: ViewBuilder, _walk: Walk) -> None:
    """Keep nothing: that it is one is all there is to say."""


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield nothing: readers look names, places and hashes up in it."""
    yield from ()


FORMATS = (
    Format("tfindex", False, judge, claims_index, observe),
    Format("tffingerprint", False, judge, claims_fingerprint, observe),
)
