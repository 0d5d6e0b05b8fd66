"""PyTorch files: zip and legacy containers, TorchScript, storages against sizes."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.torchscript import judge_source, observe_source
from hanse.scan.walk import ViewBuilder, Walk, join
from hanse.scan.zipmember import content
from hanse.scan.zipread import Header

LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
MAX_STORAGES = 500
BYTES = {
    "ByteStorage": 1,
    "CharStorage": 1,
    "BoolStorage": 1,
    "UntypedStorage": 1,
    "QUInt8Storage": 1,
    "QInt8Storage": 1,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
    "ShortStorage": 2,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "IntStorage": 4,
    "FloatStorage": 4,
    "QInt32Storage": 4,
    "LongStorage": 8,
    "DoubleStorage": 8,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
}
"""Bytes per element of PyTorch's storage classes."""


def is_storage(name: str, roots: Container[str]) -> bool:
    """Tell whether a member holds the raw bytes of a tensor: a number in one of PyTorch's folders."""
    folder, _, key = name.rpartition("/")
    root, _, kind = folder.rpartition("/")
    return kind in {"data", "constants"} and key.isascii() and key.isdigit() and f"{root}/" in roots


class TorchMembers:
    """The members of a zip archive, as PyTorch looks for them."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[Header, int]] = {}

    def add(self, entry: Header, start: int) -> None:
        """Note a member whose data is at `start`; of several with one name PyTorch's reader takes the first."""
        self._members.setdefault(entry.name, (entry, start))

    def root(self) -> str | None:
        """Return the folder that PyTorch reads: that of `data.pkl` or of the constants; None if there is none."""
        for name in self._members:
            folder, _, last = name.rpartition("/")
            if folder and "/" not in folder and last in {"data.pkl", "constants.pkl"}:
                return folder
        return None

    def observe(self, source: Source, member: str, walk: Walk) -> None:
        """Add a view of PyTorch's reading, if it would take this archive."""
        root = self.root()
        if root is None:
            return
        with walk.view("torch", member, source, executes=True) as view:
            scripts = [name for name in self._members if name.startswith(f"{root}/code/") and name.endswith(".py")]
            first = next(iter(self._members)).split("/", 1)[0]
            stored = sum(name.startswith(f"{root}/data/") for name in self._members)
            view.see("archive", 0, root=root, first=first, storages=stored, scripts=len(scripts))
            self._storages(root, member, view, walk)
            for name in scripts:
                entry, start = self._members[name]
                found = content(source, entry, start, walk.budget)
                if found is not None:
                    observe_source(found, name, view, walk)

    def _storages(self, root: str, member: str, view: ViewBuilder, walk: Walk) -> None:
        """Compare the storages that the pickles name with the members that hold them."""
        noted = 0
        for pickle in ("data.pkl", "constants.pkl"):
            for one in claimed(walk, join(member, f"{root}/{pickle}")):
                wrong = self._wrong(one, [f"{root}/data/", f"{root}/constants/"])
                if wrong and noted < MAX_STORAGES:
                    noted += 1
                    view.see("storage", None, key=one.get("key"), **wrong)

    def _wrong(self, one: Mapping[str, Any], folders: list[str]) -> dict[str, Any] | None:
        key, elements = one.get("key"), one.get("elements")
        if not isinstance(key, str | int) or isinstance(key, bool):
            return {"problem": "key"}
        name = str(key)
        if not name or "/" in name or "\\" in name or name in {".", ".."}:
            return {"problem": "path"}
        entry = next((self._members[folder + name][0] for folder in folders if folder + name in self._members), None)
        if entry is None:
            return {"problem": "missing"}
        width = BYTES.get(str(one.get("type", "")).rsplit(" ", 1)[-1].rsplit(".", 1)[-1])
        if width is None or not isinstance(elements, int) or isinstance(elements, bool):
            return None
        wanted = elements * width
        return {"problem": "size", "wanted": wanted, "has": entry.size} if wanted > entry.size or elements < 0 else None


def claimed(walk: Walk, member: str) -> Iterator[Mapping[str, Any]]:
    """Yield the storages that the pickle in a member names, each {key, type, elements}."""
    for view in walk.views():
        if view.format == "pickle" and view.member == member:
            for seen in view.all("pickle.storages"):
                yield from (one for one in seen.data["storages"] if isinstance(one, Mapping))


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether a file begins like those of PyTorch before 1.6."""
    return head.startswith(LEGACY_MAGIC)


def observe(_source: Source, view: ViewBuilder, _walk: Walk) -> None:
    """Keep that it is a legacy file; its pickles are read as pickles."""
    view.see("legacy", 0)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    archive = view.first("torch.archive")
    if archive is not None and archive.data["first"] != archive.data["root"]:
        yield Hit("TORCH-TWO-ROOTS", view.member, words=dict(archive.data))
    rules = {
        "missing": "TORCH-STORAGE-MISSING",
        "size": "TORCH-STORAGE-SMALL",
        "path": "TORCH-STORAGE-PATH",
        "key": "TORCH-STORAGE-PATH",
    }
    for one in view.all("torch.storage"):
        yield Hit(rules[str(one.data["problem"])], view.member, one.at, words=dict(one.data))
    yield from judge_source(view, context)


FORMATS = (Format("torch", True, judge, claims, observe),)
