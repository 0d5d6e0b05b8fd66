"""What the pickle machine saw: equal observations are kept once with a count, and everything is bounded."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from hanse.scan.walk import ViewBuilder

LIMITS = {
    "import": 500,
    "call": 500,
    "build": 250,
    "tensor": 50,
    "storage": 10_000,
    "computed": 50,
    "extension": 50,
    "stream": 100,
}
OTHERS = 50
"""How many different observations of a kind are kept."""
ESSENTIAL = frozenset({"import", "call", "build", "storage", "nested"})
"""Kinds of which none may be lost silently: a view that lost one has stopped early."""
PER_CHUNK = 64


class Record:
    """Observations of one view before they are written."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[Hashable, list[Any]]] = {}
        self.lost: dict[str, int] = {}

    def note(self, kind: str, key: Hashable, at: int, data: Mapping[str, Any]) -> list[Any]:
        """Count an observation; `data` and `at` are those of the first with that kind and key.

        Returns its entry [at, count, data]; further equal ones may be counted there.
        """
        kept = self._kept.setdefault(kind, {})
        entry = kept.get(key)
        if entry is not None:
            entry[1] += 1
            return entry
        if len(kept) >= LIMITS.get(kind, OTHERS):
            self.lose(kind)
            return [at, 1, data]
        entry = kept[key] = [at, 1, data]
        return entry

    def seen(self, kind: str, key: Hashable) -> bool:
        """Count another observation of that kind and key, if there was one; tell whether there was."""
        entry = self._kept.get(kind, {}).get(key)
        if entry is not None:
            entry[1] += 1
        return entry is not None

    def lose(self, kind: str) -> None:
        """Count an observation that is not kept."""
        self.lost[kind] = self.lost.get(kind, 0) + 1

    def count(self, kind: str) -> int:
        """Return how many different observations of a kind there are."""
        return len(self._kept.get(kind, ()))

    def kept(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the data of the observations of a kind."""
        return [data for _, _, data in self._kept.get(kind, {}).values()]

    def names(self) -> list[str]:
        """Return the module and object names of all imports."""
        return [str(data[part]) for data in self.kept("import") for part in ("module", "name")]

    def write(self, view: ViewBuilder) -> None:
        """Write everything into a view, storages in lists of PER_CHUNK."""
        for kind, kept in self._kept.items():
            if kind == "storage":
                self._write_storages(view, kept)
                continue
            for at, count, data in kept.values():
                view.see(kind, at, **data, count=count)
        for kind, lost in self.lost.items():
            view.see("more", None, what=kind, count=lost)
            if kind in ESSENTIAL:
                view.stop("observations")

    @staticmethod
    def _write_storages(view: ViewBuilder, kept: Mapping[Hashable, list[Any]]) -> None:
        found = [(at, data) for at, _, data in kept.values()]
        for start in range(0, len(found), PER_CHUNK):
            part = found[start : start + PER_CHUNK]
            view.see("storages", part[0][0], storages=[data for _, data in part])
