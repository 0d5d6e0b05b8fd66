"""Names that a configuration tells its loader to import and call: fine, anybody's code, or an attack."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit

FINE, CUSTOM, DENIED = "fine", "custom", "denied"


def judge_target(what: str, target: str, view: View, at: int | None, context: Context) -> Iterator[Hit]:
    """Yield the rule about a dotted name that a loader imports and calls. what: says in words where the name stands."""
    kind = classify(target, context)
    words = {"what": what, "target": target}
    if kind == DENIED:
        yield Hit("TARGET-DENIED", view.member, at, callable=target, words=words)
    elif kind == CUSTOM:
        yield Hit("TARGET-CUSTOM", view.member, at, callable=target, words=words)


def classify(target: str, context: Context) -> str:
    """Return FINE, CUSTOM or DENIED for a dotted name, by the lists of `data.targets`.

    A name of the standard library is denied unless listed; so are listed callables, and every name that reaches through a
    package into a module that runs things (`torch.os.system`). A class of a known package is fine; the rest needs trust.
    """
    rules = context.rules
    parts = target.replace(":", ".").strip().strip(".").split(".")
    name = ".".join(parts)
    top = parts[0]
    if name in rules.names("targets", "fine") or not name:
        return FINE
    if _denied(parts, name, context):
        return DENIED
    if top in rules.names("targets", "stdlib"):
        return DENIED if len(parts) > 1 or name in rules.names("targets", "running") else CUSTOM
    if top in rules.names("targets", "packages") and len(parts) > 1 and parts[-1][:1].isupper():
        return FINE
    return CUSTOM


def _denied(parts: list[str], name: str, context: Context) -> bool:
    rules = context.rules
    if any(part in rules.names("targets", "running") for part in parts[1:-1]) or parts[0] in rules.names("targets", "running"):
        return True
    if any(part.startswith("__") and part.endswith("__") for part in parts[1:]):
        return True
    denied = rules.names("targets", "denied")
    return any(".".join(parts[:count]) in denied for count in range(1, len(parts) + 1)) or name in denied


def is_prose(context: Context, member: str) -> bool:
    """Tell whether the place is a document for people or source code, which no loader of configurations reads."""
    return context.name_of(member).endswith(tuple(context.rules.names("targets", "prose")))
