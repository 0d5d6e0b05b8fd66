"""7z archives: the files inside and what they hold, where one common method packs them."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.inflate import InflatedSource
from hanse.scan.naming import has_model_name, judge_names, label, problem
from hanse.scan.ruleset import Hit
from hanse.scan.sevenread import (
    ADDITIONAL,
    AES,
    ENCODED,
    END,
    FILES,
    HEADER,
    MAGIC,
    MAX_HEADER,
    PACKED,
    SIGNATURE,
    Folder,
    Reader,
    Streams,
    check,
    files,
    streams,
)
from hanse.scan.source import SliceSource, Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk, join

MAX_NESTED_HEADERS = 4
MAX_KEPT = 64


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether the file begins like a 7z archive."""
    return head.startswith(MAGIC)


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down names, and read the files whose folder is packed by a method that can be read."""
    raw = source.read_at(0, SIGNATURE.size)
    if len(raw) < SIGNATURE.size:
        raise Malformed("the 7z archive is cut", len(raw))
    _, _, _, start, offset, size, crc = SIGNATURE.unpack(raw)
    check(raw[12:], start)
    if size > MAX_HEADER or offset + size > source.size:
        raise Malformed("the 7z header lies outside the file", 12)
    if not size:
        view.see("header", 32, files=0)
        return
    data = source.read_at(SIGNATURE.size + offset, size)
    walk.budget.spend("operations", size // 8)
    check(data, crc)
    for _ in range(MAX_NESTED_HEADERS):
        reader = Reader(data, walk.budget)
        kind = reader.number()
        if kind == HEADER:
            _header(reader, source, view, walk)
            return
        if kind != ENCODED:
            break
        packed = streams(reader)
        found = next(_unpacked(packed, source, walk), None)
        if found is None or found[1] is None:
            view.see("closed-header", 32, methods=_methods(packed.folders))
            view.stop("encrypted" if _is_encrypted(packed.folders) else "compression")
            return
        data = found[1].read_at(0, min(found[1].size, MAX_HEADER))
    raise Malformed("the 7z header is nested or unknown", SIGNATURE.size + offset)


def _header(reader: Reader, source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read the real header: streams, then files."""
    packed, listed = Streams(), []
    while (kind := reader.number()) != END:
        if kind in {4, ADDITIONAL}:
            packed = streams(reader)
        elif kind == FILES:
            listed = files(reader)
        elif kind != PACKED:
            raise Malformed(f"the 7z header has an unknown part {kind}")
    view.see("header", 32, files=len(listed), methods=_methods(packed.folders))
    for name, _ in listed[:MAX_KEPT]:
        if wrong := problem(name):
            view.see("name", None, name=name, problem=wrong)
    _read(packed, iter([name for name, full in listed if full]), source, view, walk)


def _read(packed: Streams, names: Iterator[str], source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read the files of every folder that can be unpacked."""
    for folder, unpacked, sizes in _unpacked(packed, source, walk):
        at = 0
        if unpacked is None:
            view.stop("encrypted" if _is_encrypted([folder]) else "compression")
        for size in sizes:
            name = next(names, "?")
            if unpacked is not None:
                walk.descend(SliceSource(unpacked, at, size), join(view.member, label(name)))
            at += size


def _unpacked(packed: Streams, source: Source, walk: Walk) -> Iterator[tuple[Folder, InflatedSource | None, list[int]]]:
    """Yield each folder with its bytes, None where its method is not read."""
    at = SIGNATURE.size + packed.start
    sizes = iter(packed.packed)
    for folder, parts in zip(packed.folders, packed.parts, strict=False):
        length = sum(next(sizes, 0) for _ in range(folder.inputs))
        codec = folder.codec()
        slice_ = SliceSource(source, at, length)
        yield folder, InflatedSource(slice_, codec, walk.budget, sum(parts)) if codec else None, parts
        at += length


def _methods(folders: list[Folder]) -> list[str]:
    return [method.hex() for folder in folders[:8] for method, _ in folder.coders]


def _is_encrypted(folders: list[Folder]) -> bool:
    return any(method == AES for folder in folders for method, _ in folder.coders)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from judge_names(view, context)
    for one in view.all("7z.malformed"):
        yield Hit("SEVENZIP-MALFORMED", view.member, one.at, words=dict(one.data))
    if not view.member and has_model_name(context):
        yield Hit("SEVENZIP-AS-MODEL", view.member)


FORMATS = (Format("7z", True, judge, claims, observe),)
