"""Zip archives, as every reader of them sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hanse.scan.dispatch import all_formats
from hanse.scan.facts import SAFE_INTEGER, View
from hanse.scan.formats import Context, Format
from hanse.scan.inflate import InflatedSource, is_stream
from hanse.scan.naming import has_model_name, judge_names, label, link_escapes, problem
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, SliceSource, Source
from hanse.scan.tarball import claims as is_tar
from hanse.scan.torch import TorchMembers, is_storage
from hanse.scan.walk import ViewBuilder, Walk, join
from hanse.scan.ziplayout import Gap, Span, gaps, hidden, is_padding, overlaps, record_spans, span_of
from hanse.scan.zipmember import ENCRYPTED, REFUSED, checksum, content, is_link, is_plain, worth_checking
from hanse.scan.zipread import (
    DESCRIPTOR,
    FULL32,
    LOCAL_MAGIC,
    TAIL_BYTES,
    Directory,
    Header,
    directories,
    extras,
    find_ends,
    read_local,
)

MAX_KEPT = 64
"""Most observations of one kind in a view."""
NAMES = 64
CHEAP_TAIL = 1024 * 1024
WHOLE_STORAGE, STORAGE_HEAD = 64 * 1024, 1024
"""PyTorch's storages above the first size are only looked at up to the second."""
CODE_FORMATS = ("executable", "pickle")
SMALLEST = 98
"""Length of an archive with one empty member without a name."""


def claims(head: bytes, source: Source) -> bool:
    """Tell whether a reader of zip archives would find one: at the start, or from the end."""
    if head.startswith((LOCAL_MAGIC, b"PK\x05\x06")):
        return True
    # A tar archive whose last member is a zip archive is read as a tar archive, and what is behind its end by itself.
    if source.size < SMALLEST or is_tar(head, source) or (is_stream(source) and source.size > CHEAP_TAIL):
        return False
    return source.read_at(source.size - TAIL_BYTES if source.size > TAIL_BYTES else 0, TAIL_BYTES).rfind(
        b"PK\x05\x06"
    ) >= 0 and bool(_believable(source))


def _believable(source: Source) -> bool:
    """Tell whether an end record names a directory that is there: four bytes in a tensor are not an archive."""
    for end in find_ends(source):
        # A pickle that holds an archive as bytes goes on behind it, and nothing opens such a file from its end.
        if end.at + 22 + end.comment != source.size and source.read_at(0, 1) == b"\x80":
            continue
        if end.size and any(
            source.read_at(at, 4) == b"PK\x01\x02" for at in (end.start, end.at - end.size, end.head - end.size - 76)
        ):
            return True
    return False


def describe_storage(source: Source, member: str, walk: Walk) -> None:
    """Look for code in the raw bytes of a tensor: no loader parses them, so that numbers which look like a format are none."""
    head = source.read_at(0, STORAGE_HEAD)
    for one in (all_formats()[name] for name in CODE_FORMATS):
        if one.observe is not None and one.claims(head, source):
            with walk.view(one.name, member, source, executes=one.executes) as view:
                one.observe(source, view, walk)


class _Reader:
    """One pass over an archive."""

    def __init__(self, source: Source, view: ViewBuilder, walk: Walk) -> None:
        self.source = source
        self.view = view
        self.walk = walk
        self.spans: dict[Span, None] = {}
        self.read: set[tuple[object, ...]] = set()
        self.checked = 0
        self.unchecked = 0
        self.encrypted = 0
        self.kept: dict[str, int] = {}
        self.roots: set[str] = set()
        self.torch = TorchMembers()

    def see(self, kind: str, at: int | None, **data: object) -> None:
        """Keep an observation, at most MAX_KEPT of a kind."""
        self.kept[kind] = self.kept.get(kind, 0) + 1
        if self.kept[kind] <= MAX_KEPT:
            self.view.see(kind, at, **data)

    def directory(self, one: Directory) -> None:
        """Read the members that a directory lists."""
        names: dict[bytes, Header] = {}
        self.roots |= {entry.name[: -len("data.pkl")] for entry in one.entries if entry.name.endswith("/data.pkl")}
        for entry in one.entries:
            earlier = names.setdefault(entry.raw, entry)
            if earlier is not entry:
                same = (earlier.crc, earlier.size) == (entry.crc, entry.size)
                self.see("duplicate", entry.at, name=entry.name, same=same)
            self.entry(entry)
        listed = [entry.name for entry in one.entries[: 8 * NAMES]]
        for first in range(0, len(listed), NAMES):
            self.see("names", one.start, names=listed[first : first + NAMES])
        if one.defect:
            self.view.see("malformed", one.defect[1], reason=one.defect[0])
        if one.cut:
            self.view.stop("members")

    def entry(self, entry: Header) -> None:
        """Compare the two headers of a member and read what each of them leads to."""
        self.walk.budget.spend("operations", 50)
        local = read_local(self.source, entry.start)
        if local is None:
            self.see("no-local", entry.at, name=entry.name)
            return
        self.names(entry, local)
        self.spans[span_of(self.source, entry, local)] = None
        if local.start + entry.packed > self.source.size:
            self.see("truncated", entry.at, name=entry.name)
        self.torch.add(entry, local.start)
        self.member(entry, local, entry.name)
        if self.differs(entry, local):
            size = local.size or entry.size
            other = replace(local, packed=local.packed or entry.packed, size=size, flags=local.flags & ~ENCRYPTED)
            self.member(other, local, local.name)

    def names(self, entry: Header, local: Header) -> None:
        """Look at the names that readers may use for a member."""
        if b"\x00" in entry.raw or b"\x00" in local.raw:
            self.see("nul", entry.at, name=entry.name)
        for name in (entry.name,) if entry.raw == local.raw else (entry.name, local.name):
            wrong = problem(name)
            if wrong and "\x00" not in name:
                self.see("name", entry.at, name=name, problem=wrong)
        for kind, data in extras(entry.extra):
            other = data[5:].decode("utf-8", "backslashreplace")
            if kind == 0x7075 and entry.raw.isascii() and other != entry.name and "?" not in entry.name and "_" not in entry.name:
                self.see("differs", entry.at, name=entry.name, field="unicode name", central=entry.name, local=other)

    def differs(self, entry: Header, local: Header) -> bool:
        """Write down in what the headers of a member differ; tell whether they lead to different bytes or names."""
        if (entry.raw, entry.method, entry.flags, entry.crc, entry.packed, entry.size) == (
            (local.raw, local.method, local.flags, local.crc, local.packed, local.size)
        ):
            return False
        found: list[tuple[str, str | int, str | int]] = []
        if entry.raw != local.raw:
            found.append(("name", entry.name, local.name))
        if entry.method != local.method:
            found.append(("method", entry.method, local.method))
        if (entry.flags ^ local.flags) & REFUSED:
            found.append(("flags", entry.flags, local.flags))
        streamed = bool(local.flags & DESCRIPTOR)
        numbers = (
            ("packed size", entry.packed, local.packed),
            ("size", entry.size, local.size),
            ("checksum", entry.crc, local.crc),
        )
        found += [one for one in numbers if one[1] != one[2] and not (streamed and one[2] in {0, FULL32})]
        for field, here, there in found:
            self.see("differs", entry.at, name=entry.name, field=field, central=here, local=there)
        return any(field in {"name", "method", "packed size", "size"} for field, _, _ in found)

    def member(self, entry: Header, local: Header, name: str) -> None:
        """Read the bytes of a member, as one of its headers describes them."""
        key = (entry.raw, local.start, entry.method, entry.packed, entry.size)
        if key in self.read or (name.endswith("/") and not entry.packed):
            return
        self.read.add(key)
        if is_link(entry):
            self.link(entry, local)
            return
        if (entry.flags | local.flags) & REFUSED and not self.refused(entry, local):
            return
        found = content(self.source, entry, local.start, self.walk.budget)
        if found is None:
            self.see("compression", entry.at, name=name, method=entry.method)
            self.view.stop("compression")
            return
        self.check(found, entry, name)
        raw = is_storage(name, self.roots)
        if raw and found.size > WHOLE_STORAGE:
            found = BytesSource(found.read_at(0, STORAGE_HEAD))
        self.walk.descend(found, join(self.view.member, label(name)), describe_storage if raw else None)
        if isinstance(found, InflatedSource) and found.defect:
            self.see("corrupt", entry.at, name=name, defect=found.defect)

    def refused(self, entry: Header, local: Header) -> bool:
        """Tell whether a member with flags that make readers refuse it can be read nevertheless."""
        if is_plain(self.source, entry, local.start, self.walk.budget):
            self.see("flags", entry.at, name=entry.name, flags=(entry.flags | local.flags) & REFUSED)
            return True
        self.encrypted += 1
        self.see("encrypted", entry.at, name=entry.name)
        return False

    def link(self, entry: Header, local: Header) -> None:
        """Note where a symbolic link leads."""
        found = content(self.source, entry, local.start, self.walk.budget)
        target = (found.read_at(0, 4096) if found else b"").decode("utf-8", "backslashreplace")
        self.see("link", entry.at, name=entry.name, target=target, outside=link_escapes(entry.name, target))

    def check(self, found: Source, entry: Header, name: str) -> None:
        """Verify the checksum of a small member or of code."""
        if not worth_checking(entry) or self.checked >= MAX_KEPT * 16:
            self.unchecked += 1
            return
        self.checked += 1
        crc = checksum(found, entry, self.walk.budget)
        if crc != entry.crc:
            self.see("checksum", entry.at, name=name, expected=entry.crc, got=crc)

    def gap(self, gap: Gap) -> None:
        """Look at bytes that no directory accounts for."""
        if is_padding(self.source, gap, self.walk.budget):
            return
        if self.source.read_at(gap.start, 4) == LOCAL_MAGIC:
            for local in hidden(self.source, gap, self.walk.budget):
                self.see("hidden", local.at, name=local.name)
                size = local.packed or gap.end - local.start
                self.member(replace(local, packed=size, size=local.size or size), local, local.name)
            return
        size = gap.end - gap.start
        head = self.source.read_at(gap.start, 16)
        self.see("gap", gap.start, place=gap.place, size=size, head=head.hex())
        if gap.place != "front":
            # What is in front is read as the start of the file anyway.
            self.walk.descend(SliceSource(self.source, gap.start, size), join(self.view.member, f"bytes at {gap.start}"))


def _same(one: Directory, other: Directory) -> bool:
    """Tell whether two directories describe the same members at the same places."""
    if one is other or len(one.entries) != len(other.entries):
        return one is other
    return all(replace(here, at=there.at) == there for here, there in zip(one.entries, other.entries, strict=True))


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down the directories, where headers disagree, and what no directory lists; read every member."""
    reader = _Reader(source, view, walk)
    ends = find_ends(source)
    found: list[Directory] = []
    for one in directories(source, ends, walk.budget):
        found.append(one)
        same = _same(one, found[0])
        view.see("directory", one.start, reader=one.reader, entries=len(one.entries), shift=one.shift, same=same)
    if not found and not (ends and not ends[0].size):
        view.see("no-directory", 0)
    unpacked = sum(entry.size for entry in found[0].entries) if found else 0
    if found:
        view.see("sizes", unpacked=min(unpacked, SAFE_INTEGER), packed=source.size)
    for one in found:
        reader.directory(one)
    for start, _ in overlaps(list(reader.spans)):
        reader.see("overlap", start)
    for gap in gaps([*reader.spans, *record_spans(source, ends, found)], source.size):
        reader.gap(gap)
    if reader.encrypted:
        with walk.view("encrypted", view.member, source, executes=False) as closed:
            closed.stop("encrypted")
    view.see("contents", checked=reader.checked, unchecked=reader.unchecked, encrypted=reader.encrypted)
    reader.torch.observe(source, view.member, walk)


SIMPLE = {
    "zip.malformed": "ZIP-MALFORMED",
    "zip.no-directory": "ZIP-NO-DIRECTORY",
    "zip.no-local": "ZIP-READERS-DIFFER",
    "zip.truncated": "ZIP-TRUNCATED",
    "zip.corrupt": "ZIP-MALFORMED",
    "zip.differs": "ZIP-READERS-DIFFER",
    "zip.flags": "ZIP-FLAGS-LIE",
    "zip.checksum": "ZIP-CHECKSUM",
    "zip.nul": "ZIP-NAME-NUL",
    "zip.overlap": "ZIP-OVERLAP",
    "zip.hidden": "ZIP-HIDDEN-MEMBER",
}


DEFAULTS = {"name": "an entry", "field": "place", "central": "a header", "local": "none", "reason": "", "defect": ""}


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from judge_names(view, context)
    for one in view.observations:
        words = {**DEFAULTS, **one.data}
        if rule := SIMPLE.get(one.kind):
            yield Hit(rule, view.member, one.at, words=words)
    for one in view.all("zip.duplicate"):
        yield Hit("ZIP-DUPLICATE-SAME" if one.data["same"] else "ZIP-DUPLICATE", view.member, one.at, words=dict(one.data))
    for one in view.all("zip.link"):
        if one.data["outside"]:
            yield Hit("ARCHIVE-LINK-ESCAPES", view.member, one.at, words=dict(one.data))
    for one in view.all("zip.gap"):
        head = str(one.data["head"])  # scripts, programs, TensorFlow Lite models: they carry their archive on purpose
        if one.data["place"] != "front" or not (head.startswith(("2321", "4d5a", "7f454c46")) or head[8:16] == "54464c33"):
            yield Hit("ZIP-FOREIGN-BYTES", view.member, one.at, words=dict(one.data))
    if not all(one.data.get("same", False) for one in view.all("zip.directory")):
        yield Hit("ZIP-TWO-DIRECTORIES", view.member)
    names = [str(name) for one in view.all("zip.names") for name in one.data["names"]]
    if "MAR-INF/MANIFEST.json" in names and (code := [name for name in names if name.endswith(".py")]):
        yield Hit("TORCHSERVE-CODE", view.member, words={"names": ", ".join(code[:5])})
    yield from judge_ratio(view, context)


def judge_ratio(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rule about archives that unpack to far more than they are."""
    limits = context.rules.data.get("archive", {})
    for one in view.all(f"{view.format}.sizes"):
        unpacked, packed = int(one.data["unpacked"]), max(1, int(one.data["packed"]))
        if unpacked >= int(limits.get("bomb_bytes", 1 << 28)) and unpacked // packed >= int(limits.get("bomb_ratio", 200)):
            words = {"unpacked": unpacked, "packed": packed, "ratio": unpacked // packed}
            yield Hit("ARCHIVE-BOMB", view.member, words=words)


def judge_encrypted(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rule about what cannot be read without a key."""
    yield Hit("ARCHIVE-ENCRYPTED-MODEL" if has_model_name(context) else "ARCHIVE-ENCRYPTED", view.member)


FORMATS = (Format("zip", True, judge, claims, observe), Format("encrypted", False, judge_encrypted))
