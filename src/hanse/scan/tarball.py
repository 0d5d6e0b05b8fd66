"""Tar archives: members, links and paths."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.naming import is_secret_path, judge_names, label, link_escapes, problem
from hanse.scan.ruleset import Hit
from hanse.scan.source import SliceSource, Source
from hanse.scan.tarread import BLOCK, DEVICES, LINKS, REGULAR, TarMember, TarReader, checks
from hanse.scan.walk import ViewBuilder, Walk, join

MAX_KEPT = 64
SET_ID = 0o6000
MAX_PATH, MAX_PARTS = 4096, 256
"""Longest path that a system takes, and how many folders of it are looked at."""


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether the first block is the header of a member."""
    return len(head) >= BLOCK and head[0] != 0 and (head[257:262] == b"ustar" or not any(head[500:512])) and checks(head[:BLOCK])


class _Reader:
    """What was met so far in one archive."""

    def __init__(self, source: Source, view: ViewBuilder, walk: Walk) -> None:
        self.source = source
        self.view = view
        self.walk = walk
        self.names: set[str] = set()
        self.links: dict[str, tuple[str, bool]] = {}
        self.kept: dict[str, int] = {}
        self.unpacked = 0

    def see(self, kind: str, at: int, **data: object) -> None:
        """Keep an observation, at most MAX_KEPT of a kind."""
        self.kept[kind] = self.kept.get(kind, 0) + 1
        if self.kept[kind] <= MAX_KEPT:
            self.view.see(kind, at, **data)

    def member(self, one: TarMember) -> None:
        """Look at one member and read its bytes."""
        name = normal(one.name)
        wrong = problem(one.name)
        if wrong:
            self.see("name", one.at, name=one.name, problem=wrong)
        if one.second:
            self.see("second", one.at, name=one.name)
        if one.mode & SET_ID and one.kind in REGULAR:
            self.see("set-id", one.at, name=one.name, mode=oct(one.mode))
        self.through(one, name)
        if one.kind in LINKS:
            self.link(one, name)
        elif one.kind in DEVICES:
            self.see("device", one.at, name=one.name, what=DEVICES[one.kind])
        elif one.kind != b"5":
            self.content(one, name)

    def through(self, one: TarMember, name: str) -> None:
        """Note a member that is written through a link made before it."""
        if not self.links or len(name) > MAX_PATH:
            return
        self.walk.budget.spend("operations", len(name) // 4 + 10)
        place = name.find("/")
        for _ in range(MAX_PARTS):
            path = name[:place] if place >= 0 else name
            link = self.links.get(path)
            if link and (place >= 0 or one.kind in REGULAR):
                self.see("through", one.at, name=one.name, link=path, target=link[0], outside=link[1])
            if place < 0:
                return
            place = name.find("/", place + 1)

    def link(self, one: TarMember, name: str) -> None:
        """Note where a link leads: hard links count from the top, symbolic ones from their own folder."""
        outside = link_escapes(one.name if one.kind == b"2" else "", one.target)
        self.see("link", one.at, name=one.name, link=LINKS[one.kind], target=one.target, outside=outside)
        self.links[name] = (one.target, outside)

    def content(self, one: TarMember, name: str) -> None:
        """Read a file: the bytes that the archive has for it (of a sparse file its data, without the holes)."""
        if name in self.names:
            self.see("duplicate", one.at, name=one.name)
        self.names.add(name)
        self.unpacked += one.size
        self.walk.descend(SliceSource(self.source, one.start, one.size), join(self.view.member, label(one.name)))


def normal(name: str) -> str:
    """Return a name without empty and `.` parts."""
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write down what members would do to the folder they are unpacked into, and read every file."""
    reader = _Reader(source, view, walk)
    tar = TarReader(source, walk.budget)
    for one in tar.members():
        reader.member(one)
    if tar.rest is not None:
        view.see("trailing", tar.rest, size=source.size - tar.rest)
        walk.descend(SliceSource(source, tar.rest, source.size - tar.rest), join(view.member, f"bytes at {tar.rest}"))
    view.see("end", None, members=len(reader.names), marked=tar.ended)


SIMPLE = {
    "tar.malformed": "TAR-MALFORMED",
    "tar.second": "TAR-SECOND-ARCHIVE",
    "tar.trailing": "TAR-TRAILING",
    "tar.set-id": "ARCHIVE-SET-ID",
    "tar.device": "ARCHIVE-DEVICE",
    "tar.duplicate": "TAR-DUPLICATE",
}


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from judge_names(view, context)
    for one in view.observations:
        words = dict(one.data)
        if rule := SIMPLE.get(one.kind):
            yield Hit(rule, view.member, one.at, words=words)
        elif one.kind == "tar.through" and one.data["outside"]:
            yield Hit("ARCHIVE-LINK-THROUGH", view.member, one.at, words=words)
        elif one.kind == "tar.link" and one.data["outside"]:
            hard = one.data["link"] == "hard"
            yield Hit(
                "ARCHIVE-HARD-LINK" if hard else _symbolic(str(one.data["target"]), context), view.member, one.at, words=words
            )


def _symbolic(target: str, context: Context) -> str:
    return "ARCHIVE-LINK-SECRET" if is_secret_path(target, context) else "ARCHIVE-LINK-ESCAPES"


FORMATS = (Format("tar", True, judge, claims, observe),)
