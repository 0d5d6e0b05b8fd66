"""Calls, imports and states that the pickle machine meets: what is noted about each, and what its result is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hanse.scan.pickle.nested import candidate
from hanse.scan.pickle.tensors import violation
from hanse.scan.pickle.values import Thing

if TYPE_CHECKING:
    from hanse.scan.pickle.machine import Machine

MAX_EXACT = 16
"""Different arguments of one callable that are kept as they are; after that only what kinds they have."""
MAX_ROUGH = 16
MAX_SAME = 4096
REBUILD = "torch._utils _rebuild"
MAX_IMPORTS = 20_000
EXACT_COST = 60
ROUGH_COST = 6
IMPORT_COST = 30
TENSOR_COST = 50
MAX_NESTED = 200
"""Constants that could be pickles and that nothing is called with; more are not looked at."""
MAX_CALLED = 1_000
"""All of them; what is beyond could be loaded, so that the view has stopped early."""
DTYPES = frozenset({"numpy dtype", "numpy.core.multiarray dtype", "numpy._core.multiarray dtype", "numpy dtypes"})


@dataclass(slots=True)
class Site:
    """Calls of one callable in one way. exact, rough: entries by shape; results: values by what they depend on.

    same: entries of calls, and of what is wrong with their tensors, by what stands for their arguments (`Heap.exact`).
    """

    exact: dict[str, list[Any]] = field(default_factory=dict)
    rough: dict[tuple[int, ...], list[Any]] = field(default_factory=dict)
    results: dict[tuple[int, str], int] = field(default_factory=dict)
    same: dict[tuple[Any, ...], tuple[list[Any], list[Any] | None]] = field(default_factory=dict)
    name: str = ""


def bring(machine: Machine, how: str, names: tuple[str, str], at: int, key: bytes | tuple[int, int] = b"") -> int:
    """Return the value of an import, noting it.

    names: of module and object; key: what stands for the same import later in the stream, if given.
    """
    machine.extra += IMPORT_COST
    module, name = names
    entry = machine.record.note("import", (module, name, how), at, {"module": module, "name": name, "how": how})
    value = machine.heap.thing(Thing("import", f"{module} {name}"))
    if key and len(machine.imports) < MAX_IMPORTS:
        machine.imports[key] = (entry, value)
    return value


def again(machine: Machine, key: bytes | tuple[int, int]) -> int | None:
    """Count another import of what `bring` noted under `key`, and return it."""
    found = machine.imports.get(key)
    if found is None:
        return None
    found[0][1] += 1
    return found[1]


def call(machine: Machine, how: str, parts: tuple[int, int | Sequence[int]], at: int, keywords: int | None = None) -> int:
    """Return the value of a call's result, noting the call.

    parts: what is called, and the tuple of arguments or the arguments themselves; keywords: a dict.
    """
    function, given = parts
    site = _site(machine, how, function)
    found = machine.heap.items(given) if isinstance(given, int) else tuple(given)
    items = found or ()
    key = machine.heap.exact(items) if keywords is None and found is not None and site.name and not site.rough else None
    if key is not None and _same(machine, site, key):
        return _result(machine, site, how, items, at)
    _look_into(machine, site.name, items)
    values = items if keywords is None else (*items, keywords)
    entry = None
    if found is None or not _known(machine, site, values):
        data: dict[str, Any] = {"callable": site.name, "how": how}
        if not site.name:
            data["of"] = machine.heap.shape(function)
            machine.record.note("computed", ("callable", repr(data["of"])), at, {"what": "callable", "from": data["of"]})
        if keywords is not None:
            data["keywords"] = machine.heap.shape(keywords)
        entry = _keep(machine, site, data, values, at, whole=given if isinstance(given, int) else None)
    wrong = _check_tensor(machine, site.name, items, at) if items and site.name.startswith(REBUILD) else None
    if entry is not None and key is not None and len(site.same) < MAX_SAME:
        site.same[key] = entry, wrong
    return _result(machine, site, how, items, at)


def build(machine: Machine, target: int, state: int, at: int) -> None:
    """Note a state that an object gets."""
    site = _site(machine, "BUILD", target)
    if _known(machine, site, (state,)):
        return
    thing = machine.heap.known(target)
    data = {"target": "", "on": machine.constants.kind(target)} if thing is None else _target(thing)
    _keep(machine, site, data, (state,), at)


def touch(machine: Machine, kind: str, target: int, at: int) -> None:
    """Note that items are put into something that is not a container made by the stream."""
    thing = machine.heap.known(target)
    if thing is not None:
        machine.record.note(kind, target, at, _target(thing))


def _target(thing: Thing) -> dict[str, Any]:
    """Return the fields that say what an object is."""
    return {"target": thing.name, "on": thing.kind, **({"of": thing.given} if thing.given else {})}


def _site(machine: Machine, how: str, function: int) -> Site:
    key = (min(function, 0), how)
    site = machine.sites.get(key)
    if site is None:
        thing = machine.heap.known(function)
        site = machine.sites[key] = Site(name=thing.name if thing is not None and thing.kind == "import" else "")
    return site


def _same(machine: Machine, site: Site, key: tuple[Any, ...]) -> bool:
    """Count a call whose arguments have the very shapes of an earlier one; it costs what it would without this."""
    found = site.same.get(key)
    if found is None:
        return False
    call, wrong = found
    machine.extra += ROUGH_COST + EXACT_COST + (TENSOR_COST if key and site.name.startswith(REBUILD) else 0)
    call[1] += 1
    if wrong is not None:
        wrong[1] += 1
    return True


def _known(machine: Machine, site: Site, values: tuple[int, ...]) -> bool:
    """Count a call of a much used callable whose arguments have kinds seen before."""
    machine.extra += ROUGH_COST
    entry = site.rough.get(_kinds(machine, values)) if site.rough else None
    if entry is not None:
        entry[1] += 1
    return entry is not None


def _kinds(machine: Machine, values: tuple[int, ...]) -> tuple[int, ...]:
    likeness = machine.constants.likeness
    return tuple([value if value < 0 else likeness(value) for value in values])


def _keep(
    machine: Machine, site: Site, data: dict[str, Any], values: tuple[int, ...], at: int, *, whole: int | None = None
) -> list[Any] | None:
    """Note a call or a BUILD with the exact shape of `whole` or else of the values, or the rough one if the callable has many.

    Returns the entry of an exact shape.
    """
    heap = machine.heap
    build = "target" in data
    name, kind = ("state", "build") if build else ("args", "call")
    if len(site.exact) < MAX_EXACT:
        machine.extra += EXACT_COST
        shown = [heap.shape(value) for value in values] if whole is None else heap.shape(whole)
        data[name] = shown[0] if build else shown
        text = repr(data)
        entry = site.exact[text] = machine.record.note(kind, text, at, data)
        return entry
    room = len(site.rough) < MAX_ROUGH
    shapes = [heap.rough(value) for value in values] if room else []
    data[name] = {"more": 1} if not room else shapes[0] if build else shapes
    entry = machine.record.note(kind, repr(data), at, data)
    if room:
        site.rough[_kinds(machine, values)] = entry
    return None


def _result(machine: Machine, site: Site, how: str, items: Sequence[int], at: int) -> int:
    """Return one value for all results that cannot be told apart."""
    first = items[0] if items else 0
    detail = ""
    if site.name in DTYPES and first >= 0:
        detail = machine.constants.text(first) or ""
        detail += f"@{at}" if "V" in detail else ""
    key = (min(first, 0), detail)
    found = site.results.get(key)
    if found is None:
        thing = machine.heap.known(first)
        kind = "instance" if how.startswith("NEWOBJ") else "call"
        given = thing.name if thing is not None and thing.kind == "import" else ""
        found = site.results[key] = machine.heap.thing(Thing(kind, site.name, given, detail))
    return found


def _look_into(machine: Machine, name: str, items: Sequence[int]) -> None:
    """Keep constants among the arguments that could be pickles themselves."""
    for value in items:
        if value >= 0 and machine.constants.kind(value) in {"str", "bytes", "bytearray"} and candidate(machine.constants, value):
            keep_nested(machine, value, name)


def keep_nested(machine: Machine, value: int, name: str) -> None:
    """Keep a constant that could be a pickle; name: of the callable that gets it, if any."""
    found = machine.nested.get(value)
    if found is None and len(machine.nested) >= (MAX_CALLED if name else MAX_NESTED):
        if name:
            machine.record.lose("nested")
    elif not found:
        machine.nested[value] = name


def _check_tensor(machine: Machine, name: str, items: Sequence[int], at: int) -> list[Any] | None:
    """Note what is wrong with a tensor and return the entry, None if nothing is."""
    machine.extra += TENSOR_COST
    reason = violation(machine.heap, name, items)
    if not reason:
        return None
    return machine.record.note("tensor", (name, reason), at, {"callable": name, "reason": reason})
