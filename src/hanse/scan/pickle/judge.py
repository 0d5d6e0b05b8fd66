"""What a pickle means: the facts of its streams against loader profiles, gadgets and the shapes of arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hanse.model.finding import Verdict
from hanse.scan.facts import Observation, View
from hanse.scan.formats import Context
from hanse.scan.pickle.callables import Callables
from hanse.scan.pickle.knowledge import Knowledge, knowledge_of
from hanse.scan.pickle.shapes import described, fits, imported, renamed, text
from hanse.scan.ruleset import Hit
from hanse.scan.walk import JOINER

MAX_HITS = 500
MAX_LINE_END = 2
"""Bytes behind a stream that text tools add: too few to be anything."""
_NESTED = re.compile(r"pickle@(\d{1,19})")
_STRUCTURE = frozenset(
    {"PICKLE-MALFORMED", "PICKLE-TRAILING", "PICKLE-FRAME", "PICKLE-PERSISTENT", "PICKLE-TENSOR", "PICKLE-MEMO"}
)
"""Rules about how a stream is built: they say nothing about one that lies in the bytes of something else."""


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to the streams of one view, each rule once for each callable."""
    known = knowledge_of(context.rules)
    nearest = _nearest(view, known)
    dormant = _dormant(view, context, known)
    seen: set[tuple[str, str | None]] = set()
    worst: Hit | None = None
    for hit in _Judge(view, context, known).hits():
        key = (hit.rule, hit.callable)
        if key in seen or len(seen) >= MAX_HITS:
            continue
        seen.add(key)
        if not dormant:
            yield replace(hit, member=view.member, profile=hit.profile or nearest)
        elif hit.rule not in _STRUCTURE and (worst is None or _rank(hit, context) > _rank(worst, context)):
            worst = hit
    if worst is not None and _rank(worst, context) >= Verdict.SUSPICIOUS.rank:
        yield Hit(
            "PICKLE-NESTED", view.member, worst.at, worst.callable, words={"does": f"use {worst.callable or 'something hidden'}"}
        )


def _rank(hit: Hit, context: Context) -> int:
    return (hit.severity or context.rules.rules[hit.rule].severity).rank


def _nearest(view: View, known: Knowledge) -> str | None:
    """Return the profile that has most of the view's imports."""
    places = (known.place(known.canonical(f"{one.data['module']} {one.data['name']}")) for one in view.all("pickle.import"))
    counts = Counter(place.profile for place in places if place is not None)
    return min(counts, key=lambda profile: (-counts[profile], profile), default=None)


def _dormant(view: View, context: Context, known: Knowledge) -> bool:
    """Tell whether a stream lies in the data of another one that does not load it."""
    parts = view.member.split(JOINER)
    for number, part in enumerate(parts):
        match = _NESTED.fullmatch(part)
        outer = next(context.facts.of("pickle", JOINER.join(parts[:number])), None) if match else None
        if match is None or outer is None:
            continue
        found = next((one for one in outer.all("pickle.nested") if one.at == int(match[1])), None)
        if found is not None and not _is_loaded(outer, known.canonical(str(found.data.get("how", ""))), known):
            return True
    return False


def _is_loaded(outer: View, taker: str, known: Knowledge) -> bool:
    """Tell whether what `taker` gets is loaded as a pickle: by itself, or as bytes that a text was encoded to."""
    if taker != "_codecs encode":
        return known.has("loaders", taker)
    return any(known.has("loaders", known.canonical(str(one.data["callable"]))) for one in outer.all("pickle.call"))


class _Judge:
    """Judges the observations of one view in their order."""

    def __init__(self, view: View, context: Context, known: Knowledge) -> None:
        self.view = view
        self.known = known
        self.callables = Callables(known)
        self.torch = any(context.facts.of("torch", view.member))
        found = view.first("pickle.buried")
        self.buried = found is not None and all((one.at or 0) >= (found.at or 0) for one in view.all("pickle.stream"))

    def hits(self) -> Iterator[Hit]:
        """Yield hits with their offset."""
        used = self._used()
        for one in self.view.observations:
            if one.kind == "pickle.import":
                name = f"{one.data['module']} {one.data['name']}"
                found = self.callables.reference(name) if name not in used else iter(())
            else:
                judge_one = _KINDS.get(one.kind)
                found = judge_one(self, one) if judge_one is not None else iter(())
            yield from (replace(hit, at=one.at) for hit in found if not (self.buried and hit.rule in _STRUCTURE))

    def _used(self) -> set[str]:
        """Return the names that calls are judged for: what is called, and the classes of reconstructors."""
        used = set()
        for one in self.view.all("pickle.call"):
            name = str(one.data["callable"])
            used.add(name)
            args = one.data.get("args")
            creator = self.known.data["creators"].get(self.known.canonical(name))
            if creator is not None and isinstance(args, list) and len(args) > creator:
                used.add(imported(args[creator]))
        return used

    def call(self, one: Observation) -> Iterator[Hit]:
        """Judge a call of an import, or of something computed."""
        args = renamed(one.data.get("args"), self.known.canonical)
        yield from self.callables.handed_on(args)
        name = str(one.data["callable"])
        if name:
            yield from self.callables.call(name, str(one.data["how"]), args)
            place = self.known.exact.get(self.known.canonical(name))
            if place is not None and place.how == "call" and (reserved := self._reserved(args)):
                yield Hit("PICKLE-BUILD-UNSAFE", callable=name.replace(" ", "."), words={"arguments": reserved})
        else:
            yield from self._computed(one.data.get("of"), str(one.data["how"]))

    def _computed(self, target: Any, how: str) -> Iterator[Hit]:
        """Judge a call of what is no import: a result, a persistent object, data."""
        target = target if isinstance(target, dict) else {}
        result, given = self.known.canonical(str(target.get("c", ""))), self.known.canonical(str(target.get("of", "")))
        if "p" in target and how.startswith("NEWOBJ"):
            yield Hit("PICKLE-CLASS-UNKNOWN", callable="a class that the loader supplies")
        elif result == "builtins getattr" and given and self._only_factories(given):
            return
        elif result in self.known.data["code_builders"] and (how.startswith("NEWOBJ") or result.endswith("_builtin_type")):
            yield Hit("PICKLE-CALL-CODE", callable=result.replace(" ", "."))
        elif {"c", "p", "g", "i"} & target.keys():
            yield Hit("PICKLE-CALL-COMPUTED", callable=(str(target.get("c") or "a computed value")).replace(" ", "."))
        else:
            yield Hit("PICKLE-CALL-COMPUTED", callable="something that is not visible", severity=Verdict.SUSPICIOUS)

    def _only_factories(self, owner: str) -> bool:
        """Tell whether `getattr` takes nothing but factories of its package from a class in this view."""
        for one in self.view.all("pickle.call"):
            args = one.data.get("args")
            if self.known.canonical(str(one.data["callable"])) == "builtins getattr":
                if not isinstance(args, list) or len(args) < 2:
                    return False
                if self.known.canonical(imported(args[0])) == owner and not self.known.factory(owner, text(args[1]) or ""):
                    return False
        return True

    def build(self, one: Observation) -> Iterator[Hit]:
        """Judge a state that something gets."""
        target, on, state = str(one.data["target"]), str(one.data["on"]), renamed(one.data.get("state"), self.known.canonical)
        shown = target.replace(" ", ".")
        yield from self.callables.handed_on(state)
        if on == "import":
            yield Hit("PICKLE-BUILD-GLOBAL", callable=shown)
        elif on == "call" and self.known.has("reaching", self.known.canonical(target)):
            yield Hit("PICKLE-BUILD-GLOBAL", callable=f"what {shown} gives")
        elif on == "persistent":
            yield Hit("PICKLE-BUILD-UNSAFE", callable="a storage", words={"arguments": described(state)})
        elif reserved := self._reserved(state):
            yield Hit("PICKLE-BUILD-UNSAFE", callable=shown, words={"arguments": reserved})
        elif run := [key for key in self.known.data["state_code"].get(self.known.canonical(target), ()) if key in _keys(state)]:
            yield Hit("PICKLE-STATE-CODE", callable=shown, words={"arguments": ", ".join(run)})
        elif self.known.canonical(target) == "functools partial" and not fits(_PARTIAL_STATE, state, self.callables.is_class):
            yield Hit("PICKLE-ARGS-UNSAFE", callable=shown, words={"arguments": described(state)})

    def _reserved(self, state: Any) -> str:
        """Return the attributes of a state that would change what an object is."""
        return ", ".join(key for key in _keys(state) if self.known.has("reserved_attributes", key))

    def items(self, one: Observation) -> Iterator[Hit]:
        """Judge items that are put into something that is no plain container."""
        target, on = self.known.canonical(str(one.data["target"])), str(one.data["on"])
        shown = str(one.data["target"]).replace(" ", ".") or "a storage"
        place = self.known.exact.get(target)
        called = place is not None and place.how == "call" and target not in self.known.data["creators"]
        if on in {"import", "persistent"} or (on == "call" and called and not self.known.has("containers", target)):
            yield Hit("PICKLE-ITEMS-UNSAFE", callable=shown)

    def computed(self, one: Observation) -> Iterator[Hit]:
        """Judge an import whose name is not in the file."""
        if one.data["what"] != "callable":
            yield Hit(
                "PICKLE-NAME-COMPUTED", words={"what": f"the {one.data['what']} comes from {described(one.data.get('from'))}"}
            )

    def extension(self, one: Observation) -> Iterator[Hit]:
        """Judge an entry of the extension registry."""
        yield Hit("PICKLE-EXTENSION", words={"code": one.data["code"]})

    def persistent(self, one: Observation) -> Iterator[Hit]:
        """Judge a persistent id: torch's storages and modules are known."""
        shape = one.data.get("shape")
        kind = text(shape[0]) if isinstance(shape, list) and shape else None
        if kind not in {"storage", "module"}:
            yield Hit("PICKLE-PERSISTENT", words={"what": described(shape)})

    def stream(self, one: Observation) -> Iterator[Hit]:
        """Judge how a stream ended."""
        if one.data["end"] not in {"stop", "budget"}:
            yield Hit("PICKLE-MALFORMED", words={"reason": one.data["end"]})

    def frame(self, one: Observation) -> Iterator[Hit]:
        """Judge frames that readers see differently."""
        yield Hit("PICKLE-FRAME", words={"reason": one.data["reason"]})

    def malformed(self, one: Observation) -> Iterator[Hit]:
        """Judge what the reader gave up on."""
        yield Hit("PICKLE-MALFORMED", words={"reason": one.data["reason"]})

    def trailing(self, one: Observation) -> Iterator[Hit]:
        """Judge bytes behind the last stream: padding, torch's storages and what a broken stream left are no matter."""
        broken = any(stream.data["end"] != "stop" for stream in self.view.all("pickle.stream"))
        if not one.data["zeros"] and one.data["bytes"] > MAX_LINE_END and not self.torch and not broken:
            yield Hit("PICKLE-TRAILING", words={"bytes": one.data["bytes"]})

    def tensor(self, one: Observation) -> Iterator[Hit]:
        """Judge a tensor that does not fit."""
        name = str(one.data.get("callable", "")).replace(" ", ".")
        yield Hit("PICKLE-TENSOR", callable=name or None, words={"reason": one.data["reason"]})

    def memo(self, one: Observation) -> Iterator[Hit]:
        """Judge an entry of the memo for which a loader makes room that the stream never uses."""
        yield Hit("PICKLE-MEMO", words={"mib": int(one.data["entry"]) * 16 >> 20})

    def joblib(self, one: Observation) -> Iterator[Hit]:
        """Judge the file that an old joblib wrapper names: only one beside the pickle is fine."""
        name = text(one.data.get("file"))
        if "file" not in one.data:
            return
        if name is None or "/" in name or "\\" in name or name.startswith("."):
            yield Hit("PICKLE-FILE-OUTSIDE", words={"file": name or "whose name is computed"})


def _keys(state: Any) -> list[str]:
    """Return the attribute names that a state sets: a dict, or the dicts of a pair."""
    parts = state if isinstance(state, list) else [state]
    return [str(key) for part in parts if isinstance(part, dict) for key in part.get("keys", ())]


_PARTIAL_STATE = ["import|obj", "tuple", "dict|none", "any"]
_KINDS: dict[str, Callable[[_Judge, Observation], Iterator[Hit]]] = {
    "pickle.call": _Judge.call,
    "pickle.build": _Judge.build,
    "pickle.setitem": _Judge.items,
    "pickle.append": _Judge.items,
    "pickle.computed": _Judge.computed,
    "pickle.extension": _Judge.extension,
    "pickle.persid": _Judge.persistent,
    "pickle.stream": _Judge.stream,
    "pickle.frame": _Judge.frame,
    "pickle.malformed": _Judge.malformed,
    "pickle.trailing": _Judge.trailing,
    "pickle.tensor": _Judge.tensor,
    "pickle.memo": _Judge.memo,
    "pickle.joblib": _Judge.joblib,
}
