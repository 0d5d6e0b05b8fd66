"""What a ruleset knows about importable names: which profile has them, which are gadgets, what is the standard library's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hanse.scan.ruleset import Ruleset

MAX_CACHED = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name is known from. how: call, class, value or package; shape: of a call's arguments; caution: of the profile."""

    profile: str
    how: str
    shape: str = ""
    caution: bool = False


@dataclass(frozen=True, slots=True)
class Gadget:
    """Callables known to do harm. does: what, as a verb phrase; refs: advisories."""

    does: str
    refs: tuple[str, ...]


@dataclass(slots=True)
class Knowledge:
    """Tables of a ruleset in the form that the judge uses. data: `data.pickle`; exact, packages: places by name and by module."""

    data: Mapping[str, Any]
    exact: dict[str, Place] = field(default_factory=dict)
    packages: dict[str, Place] = field(default_factory=dict)
    gadgets: dict[str, Gadget] = field(default_factory=dict)
    patterns: list[tuple[re.Pattern[str], Gadget]] = field(default_factory=list)
    any_pattern: re.Pattern[str] = re.compile("(?!)")
    sets: dict[str, frozenset[str]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def canonical(self, name: str) -> str:
        """Return the present name of `module name`: Python 2 names as `pickle` maps them, moved modules where they are now."""
        found = self._names.get(name)
        if found is None:
            if len(self._names) > 20_000:
                self._names.clear()
            found = self._names[name] = self._canonical(name)
        return found

    def _canonical(self, name: str) -> str:
        name = self.data["renamed_names"].get(name, name)
        module, _, attribute = name.partition(" ")
        module = self.data["renamed"].get(module, module)
        for old, new in self.data["moved"].items():
            if module == old or module.startswith(f"{old}."):
                module = new + module[len(old) :]
                break
        return f"{module} {attribute}"

    def has(self, key: str, name: str) -> bool:
        """Tell whether the list `data.pickle[key]` has a name."""
        found = self.sets.get(key)
        if found is None:
            found = self.sets[key] = frozenset(self.data.get(key, ()))
        return name in found

    def place(self, name: str) -> Place | None:
        """Return where a canonical name is known from, by itself or by its package; None if no profile has it."""
        return self.exact.get(name) or self.package(name.partition(" ")[0])

    def package(self, module: str) -> Place | None:
        """Return the place of the longest package of the profiles that holds a module."""
        while module:
            if module in self.packages:
                return self.packages[module]
            module = module.rpartition(".")[0]
        return None

    def gadget(self, name: str) -> Gadget | None:
        """Return what is known against a canonical name."""
        found = self.gadgets.get(name)
        if found is None and self.any_pattern.fullmatch(name):
            found = next((gadget for pattern, gadget in self.patterns if pattern.fullmatch(name)), None)
        return found

    def standard(self, name: str) -> bool:
        """Tell whether a name is of Python's standard library, of any version and system."""
        return self.has("stdlib", name.partition(" ")[0].partition(".")[0])

    def dangerous(self, name: str) -> bool:
        """Tell whether even a reference to a standard name means harm."""
        module = name.partition(" ")[0]
        return self.has("dangerous_names", name) or any(self.has("dangerous_modules", one) for one in _with_parents(module))

    def factory(self, owner: str, attribute: str) -> bool:
        """Tell whether `attribute` of a class is a class method that its package's own pickles call."""
        return attribute in self.data["factories"].get(owner.partition(" ")[0].partition(".")[0], ())

    def shape(self, name: str) -> list[str]:
        """Return the tokens of a named shape."""
        return list(self.data["shapes"].get(name, ("any*",)))


def _with_parents(module: str) -> Iterable[str]:
    while module:
        yield module
        module = module.rpartition(".")[0]


_CACHE: dict[str, Knowledge] = {}


def knowledge_of(rules: Ruleset) -> Knowledge:
    """Return the knowledge of a ruleset, made once per digest."""
    found = _CACHE.get(rules.digest)
    if found is None:
        if len(_CACHE) >= MAX_CACHED:
            _CACHE.clear()
        found = _CACHE[rules.digest] = _made(rules)
    return found


def _made(rules: Ruleset) -> Knowledge:
    known = Knowledge({**_EMPTY, **rules.data.get("pickle", {})})
    for profile, table in sorted(rules.data.get("profiles", {}).items()):
        caution = bool(table.get("caution", False))
        for key, how in (("values", "value"), ("classes", "class")):
            for name in table.get(key, ()):
                _keep(known.exact, name, Place(profile, how, caution=caution))
        for name, shape in table.get("calls", {}).items():
            _keep(known.exact, name, Place(profile, "call", shape, caution))
        for name in table.get("packages", ()):
            known.packages.setdefault(name, Place(profile, "package", caution=caution))
    for one in known.data["gadgets"]:
        gadget = Gadget(str(one["does"]), tuple(one.get("refs", ())))
        for name in one["names"]:
            if "*" in name:
                known.patterns.append((re.compile(re.escape(name).replace(r"\*", ".*")), gadget))
            else:
                known.gadgets.setdefault(name, gadget)
    if known.patterns:
        known.any_pattern = re.compile("|".join(pattern.pattern for pattern, _ in known.patterns))
    return known


def _keep(exact: dict[str, Place], name: str, place: Place) -> None:
    """Keep the strictest place of a name: what may be called in one shape comes before what may be created freely."""
    before = exact.get(name)
    if before is None or _STRICT.index(place.how) < _STRICT.index(before.how):
        exact[name] = place


_STRICT = ("call", "class", "value")
_TABLES = ("renamed", "renamed_names", "moved", "shapes", "creators", "applied", "factories", "code_builders", "state_code")
_EMPTY: dict[str, Any] = {"gadgets": [], **{table: {} for table in _TABLES}}
