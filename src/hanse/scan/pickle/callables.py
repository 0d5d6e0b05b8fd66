"""One callable of a pickle: whether a call of it, an object of it, or only its name is what some loader's files have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hanse.model.finding import Verdict
from hanse.scan.pickle.knowledge import Knowledge, Place
from hanse.scan.pickle.shapes import described, fits, imported, imports_in, like_a_place, like_code, partly_known, simple, text
from hanse.scan.ruleset import Hit

_ODD = re.compile(r"[^\w.\x80-\U0010ffff]", re.ASCII)
_ATTRIBUTE = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ERRORS = ("Error", "Exception", "Warning")
CREATED = ("NEWOBJ", "NEWOBJ_EX")
"""Opcodes that only take classes, and allocate without running the constructor."""


def could_be_class(name: str) -> bool:
    """Tell whether the last part of a name is written like a class: CamelCase after underscores."""
    last = name.rpartition(".")[2].rpartition(" ")[2].lstrip("_")
    return last[:1].isascii() and last[:1].isupper()


class Callables:
    """Judges names with one ruleset's knowledge; hits have no place yet."""

    def __init__(self, known: Knowledge) -> None:
        self.known = known

    def is_class(self, raw: str) -> bool:
        """Tell whether a name could be a class, by how it is written or because a profile says so."""
        name = self.known.canonical(raw)
        place = self.known.exact.get(name)
        return could_be_class(name) or (place is not None and place.how in {"class", "value"})

    def named(self, raw: str) -> Hit | None:
        """Return what is wrong with the name itself: dotted through modules, internals, characters."""
        name = self.known.canonical(raw)
        if name in self.known.exact or self.known.has("methods", name):
            return None
        module, _, attribute = name.partition(" ")
        if not attribute or _ODD.search(attribute) or _ODD.search(module):
            return _hit("PICKLE-NAME-ODD", raw)
        parts = attribute.split(".")
        if any(part.startswith("__") and part.endswith("__") for part in parts):
            # dill names the globals of every function so; what is done with them is judged where it is done.
            own = attribute == "__dict__" and not self.known.standard(name)
            return _hit("PICKLE-NAME-DUNDER", raw, severity=Verdict.SUSPICIOUS if own else None)
        if any(self.known.has("borrowed", part) for part in parts) and not self.known.standard(name):
            return _hit("PICKLE-NAME-DOTTED", raw)
        if len(parts) > 1 and not self.is_class(f"{module} {parts[0]}"):
            return _hit("PICKLE-NAME-DOTTED", raw)
        return None

    def call(self, raw: str, how: str, args: Any) -> Iterator[Hit]:
        """Yield what is wrong with a call. args: list of shapes, or what was kept of it."""
        name = self.known.canonical(raw)
        wrong = self.named(raw)
        if wrong is not None:
            yield wrong
            return
        place = self.known.exact.get(name)
        if _is_error(name):
            return
        if place is not None and place.how == "call" and how not in CREATED:
            yield from self._shaped(raw, name, place, args)
        elif name in self.known.data["code_builders"]:
            yield self._builder(raw, name, args)
        elif place is not None and place.how != "value":
            yield from _noted(raw, place)
        elif (wrong := self._harmful(raw, name, how)) is not None:
            yield wrong
        elif how in CREATED:
            yield from self._created(raw, name, args)
        else:
            yield from self._constructed(raw, name, args)

    def created(self, raw: str) -> Iterator[Hit]:
        """Yield what is wrong with objects of a class that are only allocated."""
        yield from self.call(raw, "NEWOBJ", [])

    def _shaped(self, raw: str, name: str, place: Place, args: Any) -> Iterator[Hit]:
        """Judge a call that a profile allows in one shape, and the call that it makes in turn."""
        tokens = self.known.shape(place.shape)
        if not fits(tokens, args, self.is_class):
            guarded = tokens[:1] == ["!"] and not partly_known(args)
            rule = "PICKLE-ARGS-UNSAFE" if guarded else "PICKLE-ARGS-SHAPE"
            yield _hit(rule, raw, place.profile, arguments=described(args))
            return
        if place.shape == "attribute":
            yield from self._attribute(raw, args)
        inner = self.known.data["applied"].get(name)
        if inner is not None and isinstance(args, list):
            yield from self.call(imported(args[0]), "REDUCE", args[inner])
        creator = self.known.data["creators"].get(name)
        if creator is not None and isinstance(args, list):
            yield from self.created(imported(args[creator]))
        yield from _noted(raw, place)

    def _attribute(self, raw: str, args: Any) -> Iterator[Hit]:
        """Judge getattr: members of classes that are no standard ones, and listed methods."""
        owner, attribute = imported(args[0]), text(args[1]) or ""
        if owner:
            if self.known.factory(owner, attribute):
                return
            fine = self.known.has("methods", f"{owner}.{attribute}") or (
                self.is_class(owner) and not self.known.standard(owner) and self.known.gadget(owner) is None
            )
        else:
            result = str(args[0].get("c", ""))
            fine = self.is_class(result) and not self.known.has("risky", result)
        if not fine or not _ATTRIBUTE.fullmatch(attribute):
            yield _hit("PICKLE-ARGS-UNSAFE", raw, arguments=described(args))

    def _builder(self, raw: str, name: str, args: Any) -> Hit:
        """Judge what builds functions from code: arguments that are no code are an attempt to call something else."""
        if not fits(self.known.shape(self.known.data["code_builders"][name]), args, self.is_class):
            return _hit("PICKLE-ARGS-UNSAFE", raw, arguments=described(args))
        return _hit("PICKLE-CALL-CODE", raw)

    def _harmful(self, raw: str, name: str, how: str) -> Hit | None:
        gadget = self.known.gadget(name)
        standard = self.known.standard(name)
        if gadget is not None and (how not in CREATED or standard or name in self.known.gadgets):
            return _hit("PICKLE-CALL-GADGET", raw, does=gadget.does, advisory=", ".join(gadget.refs))
        if standard:
            return _hit("PICKLE-CLASS-STDLIB" if how in CREATED else "PICKLE-CALL-STDLIB", raw)
        return None

    def _created(self, raw: str, name: str, args: Any) -> Iterator[Hit]:
        """Judge an object whose class no profile lists by name; some constructors take texts for programs."""
        place = self.known.package(name.partition(" ")[0])
        if like_code(args):
            yield _hit("PICKLE-CLASS-ARGS", raw, arguments=described(args))
        elif place is None:
            yield _hit("PICKLE-CLASS-UNKNOWN", raw)
        else:
            yield from _noted(raw, place)

    def _constructed(self, raw: str, name: str, args: Any) -> Iterator[Hit]:
        """Judge a call of something that no profile lists: a class of a known package, an unknown class, or a function."""
        module, _, attribute = name.partition(" ")
        place = self.known.package(module)
        if attribute.startswith("__pyx_unpickle_") and (place is not None or self._known_package(module)):
            if not fits(self.known.shape("cython"), args, self.is_class):
                yield _hit("PICKLE-ARGS-SHAPE", raw, arguments=described(args))
            return
        if not could_be_class(attribute):
            yield _hit("PICKLE-CALL-UNKNOWN", raw)
            return
        told = attribute.endswith(_ERRORS)
        familiar = place is not None or self._known_package(module)
        doubtful = like_a_place(args) or like_code(args) if familiar else not simple(args)
        if not told and doubtful:
            yield _hit("PICKLE-CLASS-ARGS", raw, arguments=described(args))
        elif place is None:
            yield _hit("PICKLE-CLASS-UNKNOWN", raw)
        else:
            yield from _noted(raw, place)

    def _known_package(self, module: str) -> bool:
        return self.known.has("known_packages", module.partition(".")[0])

    def reference(self, raw: str) -> Iterator[Hit]:
        """Yield what is wrong with a name that the stream does not call."""
        name = self.known.canonical(raw)
        wrong = self.named(raw)
        if wrong is not None:
            yield wrong
        elif name in self.known.exact or _is_error(name) or self.known.has("references", name) or self.known.has("methods", name):
            return
        elif self.known.dangerous(name):
            yield _hit("PICKLE-REF-DANGEROUS", raw)
        elif self.known.standard(name):
            if not self.known.has("reference_modules", name.partition(" ")[0]):
                yield _hit("PICKLE-REF-RISKY", raw, does="do more than compute")
        elif (gadget := self.known.gadget(name)) is not None and (name in self.known.gadgets or not could_be_class(name)):
            yield _hit("PICKLE-REF-RISKY", raw, does=gadget.does)
        elif self.known.package(name.partition(" ")[0]) is None:
            yield _hit("PICKLE-REF-UNKNOWN", raw)

    def handed_on(self, value: Any) -> Iterator[Hit]:
        """Yield the functions inside a value that may be called in one shape and are never handed on."""
        for raw in imports_in(value):
            if self.known.has("risky", self.known.canonical(raw)):
                yield _hit("PICKLE-REF-RISKY", raw, does="call or reach anything")


def _is_error(name: str) -> bool:
    """Tell whether a name is a built-in exception: these only keep their arguments."""
    return name.startswith("builtins ") and name.endswith(_ERRORS) and could_be_class(name)


def _noted(raw: str, place: Place) -> Iterator[Hit]:
    if place.caution:
        yield _hit("PICKLE-CLASS-MODULE", raw, place.profile)


def _hit(rule: str, raw: str, profile: str | None = None, severity: Verdict | None = None, **words: object) -> Hit:
    return Hit(rule, callable=raw.replace(" ", "."), profile=profile, severity=severity, words=words)
