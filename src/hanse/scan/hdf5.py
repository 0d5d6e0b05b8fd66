"""HDF5 files: links to other files, raw data in other files, filters that need plug-ins, and what attributes say.

Keras configurations lie in attributes, and so do the pickles of PyTables: both are read as what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.hdf5_file import Hdf5File, Record, find_superblock
from hanse.scan.hdf5_heaps import FractalHeap, GlobalHeaps, LocalHeap, Unread, group_entries, tree_records
from hanse.scan.hdf5_messages import (
    EXTERNAL,
    HARD,
    MAX_VALUE,
    SOFT,
    Link,
    attribute,
    committed_type,
    external_files,
    external_target,
    filters,
    link,
    virtual_heap,
    virtual_sources,
)
from hanse.scan.reach import INSIDE, reach
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk, join

LINK_INFO, LINK, EXTERNAL_FILES, LAYOUT, FILTERS, ATTRIBUTE = 0x02, 0x06, 0x07, 0x08, 0x0B, 0x0C
SHARED_TABLE, SYMBOLS, DRIVER, ATTRIBUTE_INFO = 0x0F, 0x11, 0x14, 0x15
LINK_NAMES, ATTRIBUTE_NAMES = 5, 8
OBJECT_COST = 150
TEXT_COST = 1_500
"""What it costs to describe a text as a member, beside its length."""
STANDARD_FILTERS = 256
MAX_PATH = 300
MAX_TEXTS = 64
NOTED = frozenset({"keras_version", "backend", "CLASS", "PSEUDOATOM", "PYTABLES_FORMAT_VERSION", "pandas_type"})


def claims(_head: bytes, source: Source) -> bool:
    """Tell whether a superblock lies at one of the places where readers look."""
    return find_superblock(source) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Visit every object once and keep what reaches out of the file; go down into texts that are configurations or pickles."""
    file = Hdf5File(source, walk.budget)
    view.see("superblock", file.base, version=file.version)
    if file.driver is not None:
        view.see("driver", name=file.read(file.driver, 16)[8:16].rstrip(b"\0"))
    _Visit(file, view, walk).run()


class _Visit:
    """A walk over all objects from the root; addresses are visited once, so links may form cycles."""

    def __init__(self, file: Hdf5File, view: ViewBuilder, walk: Walk) -> None:
        self.file = file
        self.view = view
        self.walk = walk
        self.heaps = GlobalHeaps(file)
        self.seen: set[int] = set()
        self.noted: set[tuple[str, ...]] = set()
        self.pending: list[tuple[str, int]] = [("", file.root)]
        self.pickled = False

    def run(self) -> None:
        """Visit the superblock's extension, then every object."""
        if self.file.extension is not None:
            for one in self.file.messages(self.file.extension):
                if one.kind == DRIVER:
                    self.note("driver", name=one.data[4:12].rstrip(b"\0").decode("latin-1"))
        while self.pending:
            path, at = self.pending.pop()
            if at in self.seen:
                continue
            self.seen.add(at)
            self.file.spend(OBJECT_COST)
            for one in self.file.messages(at):
                try:
                    self.message(path, one)
                except Unread as error:
                    self.view.stop(str(error))
        if self.pickled:
            self.rows()

    def rows(self) -> None:
        """Go down into every value of every global heap: rows of an array of objects are pickles, and lie there."""
        for at in self.file.find(b"GCOL"):
            try:
                values = list(self.heaps.all(at, MAX_VALUE))
            except Malformed:
                continue
            for value in values:
                self.file.spend(TEXT_COST + len(value) // 16)
                if value[:1] == b"\x80" and self._new_text(value):
                    self.walk.budget.spend("inflated", len(value))
                    self.walk.descend(BytesSource(value), join(self.view.member, f"object at {at}"))

    def note(self, kind: str, at: int | None = None, **data: str) -> None:
        """Keep an observation, one of each."""
        key = (kind, *data.values())
        if key not in self.noted:
            self.noted.add(key)
            self.view.see(kind, at, **data)

    def message(self, path: str, one: Record) -> None:
        """Act on a message of an object header."""
        if one.shared and one.kind in {LINK, EXTERNAL_FILES, LAYOUT, FILTERS, ATTRIBUTE}:
            self.shared(path, one)
        elif one.kind == SYMBOLS:
            self.old_group(path, one.data)
        elif one.kind == LINK_INFO:
            self.dense_links(path, one.data)
        elif one.kind == LINK:
            self.follow(path, link(self.file, one.data), one.at)
        elif one.kind == ATTRIBUTE:
            self.attribute(path, one.data, one.at)
        elif one.kind == ATTRIBUTE_INFO:
            self.dense_attributes(path, one.data)
        else:
            self.data_set(path, one)

    def shared(self, path: str, one: Record) -> None:
        """Follow a shared message to the object that holds it; the file's heap of shared messages is not read."""
        at = self.file.shared_at(one.data)
        if at is None:
            raise Unread("shared messages")
        for other in self.file.messages(at):
            if other.kind == one.kind and not other.shared:
                self.message(path, other)

    def data_set(self, path: str, one: Record) -> None:
        """Note where a data set's bytes lie and what they went through."""
        if one.kind == EXTERNAL_FILES:
            for name in external_files(self.file, one.data):
                self.note("storage", one.at, path=path, file=_plain(name))
        elif one.kind == LAYOUT:
            place = virtual_heap(self.file, one.data)
            if place is not None:
                for name in virtual_sources(self.file, self.heaps.value(*place, MAX_VALUE)):
                    if name != b".":
                        self.note("virtual", one.at, path=path, file=_plain(name))
        elif one.kind == FILTERS:
            for number, name in filters(self.file, one.data):
                if number >= STANDARD_FILTERS:
                    self.note("filter", one.at, id=str(number), name=_plain(name))

    def old_group(self, path: str, data: bytes) -> None:
        """Visit the entries of a group with a symbol table."""
        tree, heap = self.file.address(data, 0), self.file.address(data, self.file.offsets)
        if tree is None or heap is None:
            return
        for name, address, soft in group_entries(self.file, tree, LocalHeap(self.file, heap)):
            self.follow(path, Link(name, SOFT if soft is not None else HARD, address, soft or b""), None)

    def dense_links(self, path: str, data: bytes) -> None:
        """Visit the links of a group that keeps them in a heap."""
        start = 2 + (8 if self.file.number(data, 1, 1) & 1 else 0)
        heap, names = self.file.address(data, start), self.file.address(data, start + self.file.offsets)
        if heap is None:
            return
        values = FractalHeap(self.file, heap)
        for record in tree_records(self.file, names, LINK_NAMES):
            self.follow(path, link(self.file, values.value(record[4:])), None)

    def dense_attributes(self, path: str, data: bytes) -> None:
        """Read the attributes of an object that keeps them in a heap."""
        start = 2 + (2 if self.file.number(data, 1, 1) & 1 else 0)
        heap, names = self.file.address(data, start), self.file.address(data, start + self.file.offsets)
        if heap is None:
            return
        values = FractalHeap(self.file, heap)
        for record in tree_records(self.file, names, ATTRIBUTE_NAMES):
            if len(record) > 8 and record[8] & 2:
                raise Unread("shared messages")
            self.attribute(path, values.value(record[:8]), None)

    def follow(self, path: str, one: Link, at: int | None) -> None:
        """Visit what a link leads to inside the file; note those that lead out."""
        place = f"{path}/{_plain(one.name)}"[:MAX_PATH]
        if one.kind == HARD:
            if one.address is not None:
                self.pending.append((place, one.address))
        elif one.kind == EXTERNAL:
            name, target = external_target(one.value)
            self.note("link", at, path=place, file=_plain(name), object=_plain(target))
        elif one.kind != SOFT:
            self.note("user_link", at, path=place, number=str(one.kind))

    def attribute(self, path: str, data: bytes, at: int | None) -> None:
        """Read an attribute; go down into its texts where they could be a configuration or a pickle."""
        found = attribute(self.file, data, self.heaps, lambda part: committed_type(self.file, part), MAX_TEXTS)
        name = _plain(found.name)
        if not found.whole and not found.values:
            self.view.stop("shared messages")
        for index, value in enumerate(found.values):
            self.file.spend(len(value) // 16)
            text = value.rstrip(b"\0 ")
            if name in NOTED and index == 0:
                self.note("attribute", at, name=name, value=_plain(text[:200]))
                self.pickled = self.pickled or (name == "PSEUDOATOM" and text == b"object")
            if _is_active(text) and self._new_text(text):
                self.file.spend(TEXT_COST)
                self.walk.budget.spend("inflated", len(value))
                member = f"{path or '/'}@{name}" + (f"[{index}]" if index else "")
                self.walk.descend(BytesSource(text), join(self.view.member, member))

    def _new_text(self, text: bytes) -> bool:
        """Tell whether a text is met for the first time: one value may be an attribute of a thousand objects."""
        key = ("text", text.decode("latin-1"))
        new = key not in self.noted
        self.noted.add(key)
        return new


def _plain(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _is_active(text: bytes) -> bool:
    """Tell whether a text could be a configuration (JSON) or a pickle, which ends in a full stop."""
    return (
        text[:1] in {b"{", b"["}
        or (text[-1:] == b"." and len(text) > 2 and not text[:1].isalnum())
        or (
            text[-1:] == b"."
            and text[:1] in {b"c", b"I", b"S", b"N", b"V", b"F", b"L", b"C", b"U", b"K", b"J", b"B", b"T"}
            and b"\n" in text
        )
    )


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about what leaves the file, about plug-ins, and about structure."""
    for one in view.all("hdf5.malformed"):
        yield Hit("HDF5-MALFORMED", view.member, one.at, words=one.data)
    for kind, rule in (("link", "HDF5-LINK"), ("storage", "HDF5-STORAGE"), ("virtual", "HDF5-VIRTUAL")):
        for one in view.all(f"hdf5.{kind}"):
            yield _leads(rule, view, one.at, one.data)
    for one in view.all("hdf5.user_link"):
        yield Hit("HDF5-LINK-USER", view.member, one.at, words=one.data)
    for one in view.all("hdf5.driver"):
        yield Hit("HDF5-DRIVER", view.member, one.at, words=one.data)
    for one in view.all("hdf5.filter"):
        if one.data["id"] in context.rules.names("hdf5", "shipped_filters"):
            continue
        known = one.data["id"] in context.rules.names("hdf5", "filters")
        yield Hit("HDF5-FILTER-KNOWN" if known else "HDF5-FILTER-UNKNOWN", view.member, one.at, words=one.data)
    for one in view.all("hdf5.attribute"):
        if one.data["name"] == "PSEUDOATOM" and one.data["value"] == "object":
            yield Hit("HDF5-PICKLED-ARRAY", view.member, one.at)


def _leads(rule: str, view: View, at: int | None, data: Any) -> Hit:
    """Return the hit for a file that is named: out of the folder, or beside the file."""
    where = reach(str(data["file"]))
    return Hit(f"{rule}-{'BESIDE' if where == INSIDE else 'OUTSIDE'}", view.member, at, words={**data, "where": where})


FORMATS = (Format("hdf5", True, judge, claims, observe),)
