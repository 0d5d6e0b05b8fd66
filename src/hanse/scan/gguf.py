"""GGUF: metadata and tensor descriptions checked as its C readers should, and the chat templates in it.

Versions 1 to 3 in both byte orders. Only the header is read, tensor data never.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from hanse.scan import template
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ggufread import ARRAY, SIZES, STRING, Reader
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk

MAX_KEYS = 65_536
MAX_TENSORS = 1 << 20
MAX_NAME = 65_535
MAX_TEMPLATES = 64
MAX_TEXT = 1024 * 1024
MAX_SEEN = 200
MAX_TYPES = 20
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 31: (32, 18), 32: (32, 18), 33: (32, 18), 34: (256, 54),
    35: (256, 66), 36: (32, 18), 37: (32, 18), 38: (32, 18), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip
"""Elements and bytes of one block of each tensor type, by its number in ggml."""
Span = tuple[int, int, str]


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether content has the format's magic."""
    return head[:4] == b"GGUF"


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read the header; raises Malformed at the first rule of the format that it breaks.

    1. Version and byte order. 2. Counts. 3. Metadata. 4. Tensors. 5. Tensor data against the file.
    """
    # 1. Version.
    head = source.read_at(4, 4)
    if len(head) < 4:
        raise Malformed("the file ends within its version", 4)
    order = "<" if head[0] or head[1] else ">"
    (version,) = struct.unpack(f"{order}I", head)
    if version not in {1, 2, 3}:
        raise Malformed(f"version {version} does not exist", 4)
    reader = Reader(source, walk, order, wide=version > 1)
    # 2. Counts.
    tensors = reader.length("the number of tensors")
    keys = reader.length("the number of metadata entries")
    view.see("header", 4, version=version, big_endian=order == ">", tensors=tensors, keys=keys)
    if keys > MAX_KEYS or tensors > MAX_TENSORS:
        raise Malformed(f"{tensors} tensors and {keys} metadata entries", 8)
    # 3. Metadata.
    alignment = _Metadata(reader, view, walk).read(keys)
    # 4. Tensors.
    spans = _tensors(reader, tensors, alignment, view, walk)
    # 5. Data.
    start = -(-reader.at // alignment) * alignment if tensors else reader.at
    end = _data(spans, source.size - start, view)
    if end is not None and source.size - start - end >= alignment:
        at = start + end
        view.see("trailing", at, size=source.size - at, bytes=source.read_at(-(-at // alignment) * alignment, 8).hex())


class _Metadata:
    """Metadata entries, read in order."""

    def __init__(self, reader: Reader, view: ViewBuilder, walk: Walk) -> None:
        self._reader = reader
        self._view = view
        self._walk = walk
        self._alignment = 32
        self._templates: dict[str, str] = {}
        self._kept = 0

    def read(self, count: int) -> int:
        """Read all entries, describe the templates in them, and return the alignment of tensor data in bytes."""
        known: set[str] = set()
        for _ in range(count):
            self._walk.budget.spend("operations", 20)
            key = self._reader.text("a key", MAX_NAME)
            if not key:
                raise Malformed("a metadata entry has no key", self._reader.at)
            if key in known:
                self._view.see("duplicate", self._reader.at, name=key, what="key")
            known.add(key)
            self._entry(key)
        for key, text in self._templates.items():
            template.observe_text(text, self._view.member, key, self._walk)
        return self._alignment

    def _entry(self, key: str) -> None:
        kind = int(self._reader.number(4, "the type of a value"))
        what = f"the value of {key[:80]!r}"
        if kind in SIZES:
            self._number(key, kind, self._reader.number(kind, what))
        elif kind == STRING:
            self._text(key, self._reader.text(what, MAX_TEXT))
        elif kind == ARRAY:
            items, count, first = self._reader.array(what, 16 if "template" in key else 0)
            if key.startswith("tokenizer.chat_template") or count > 1_000:
                self._keep(key, {"array": items, "count": count, "first": first})
        else:
            raise Malformed(f"{what} has the unknown type {kind}", self._reader.at)

    def _number(self, key: str, kind: int, value: float) -> None:
        if key == "general.alignment":
            if kind != 4 or value <= 0 or int(value) & (int(value) - 1) or value > 1 << 20:
                raise Malformed(f"general.alignment is {value}, not a power of two", self._reader.at)
            self._alignment = int(value)
        if key.startswith(("general.", "split.")) or key.endswith(
            ("vocab_size", "context_length", "block_count", "embedding_length")
        ):
            self._keep(key, value)

    def _text(self, key: str, value: str) -> None:
        if "chat_template" in key or "{%" in value:
            if len(self._templates) >= MAX_TEMPLATES:
                self._view.stop("templates")
            elif value not in self._templates.values():
                self._templates[key] = value
        elif key.startswith(("general.", "split.", "tokenizer.")):
            self._keep(key, value)

    def _keep(self, key: str, value: object) -> None:
        if self._kept < MAX_SEEN:
            self._kept += 1
            self._view.see("meta", key=key, value=value)


def _tensors(reader: Reader, count: int, alignment: int, view: ViewBuilder, walk: Walk) -> list[Span | None]:
    """Return where each tensor lies, None for types whose size is not known."""
    names: set[str] = set()
    odd: set[str] = set()
    spans: list[Span | None] = []
    for _ in range(count):
        walk.budget.spend("operations", 80)
        name = reader.text("a tensor's name", MAX_NAME)
        if name in names:
            view.see("duplicate", reader.at, name=name, what="tensor")
        names.add(name)
        span, kind = _tensor(name, reader, alignment, view)
        spans.append(span)
        if span is None and len(odd) < MAX_TYPES:
            odd.add(name)
            view.see("type", reader.at, name=name, type=kind)
    return spans


def _tensor(name: str, reader: Reader, alignment: int, view: ViewBuilder) -> tuple[Span | None, int]:
    """Return where a tensor lies and its type; raises Malformed if that contradicts itself."""
    what = f"tensor {name[:80]!r}"
    dimensions = int(reader.number(4, what))
    if dimensions > 4:
        raise Malformed(f"{what} has {dimensions} dimensions", reader.at)
    shape = [int(reader.number(10 if reader.wide else 4, what)) for _ in range(dimensions)]
    kind = int(reader.number(4, what))
    offset = int(reader.number(10, what))
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements >= 1 << 63:
            view.see("overflow", reader.at, name=name, shape=shape)
            raise Malformed(f"the shape of {what} overflows", reader.at)
    if offset % alignment:
        raise Malformed(f"{what} is not aligned", reader.at)
    if kind not in BLOCKS:
        return None, kind
    block, size = BLOCKS[kind]
    if shape and shape[0] % block:
        raise Malformed(f"{what} has rows of {shape[0]} elements in blocks of {block}", reader.at)
    length = elements // block * size
    if offset + length >= 1 << 63:
        view.see("overflow", reader.at, name=name, shape=shape)
        raise Malformed(f"the size of {what} overflows", reader.at)
    return (offset, offset + length, name), kind


def _data(spans: list[Span | None], room: int, view: ViewBuilder) -> int | None:
    """Check tensors against each other and the file; return where the data ends, None if that is not known."""
    at = 0
    for begin, end, name in sorted(span for span in spans if span is not None):
        if begin < at:
            raise Malformed(f"the data of tensor {name[:80]!r} overlaps another one's", None)
        if end > room:
            raise Malformed(f"the data of tensor {name[:80]!r} lies outside the file", None)
        at = end
    view.see("data", size=at, tensors=len(spans))
    return None if None in spans else at


def judge(view: View, _context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a GGUF view."""
    overflows = list(view.all("gguf.overflow"))
    for one in overflows:
        yield Hit("GGUF-OVERFLOW", view.member, one.at, words=one.data)
    for one in view.all("gguf.malformed"):
        if not overflows:
            yield Hit("GGUF-MALFORMED", view.member, one.at, words=one.data)
    for one in view.all("gguf.duplicate"):
        yield Hit("GGUF-DUPLICATE", view.member, one.at, words=one.data)
    for one in view.all("gguf.trailing"):
        yield Hit("GGUF-TRAILING", view.member, one.at, words=one.data)
    for one in view.all("gguf.type"):
        yield Hit("GGUF-TYPE", view.member, one.at, words=one.data)


FORMATS = (Format("gguf", True, judge, claims, observe),)
