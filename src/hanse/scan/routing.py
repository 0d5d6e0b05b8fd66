"""What a name promises against what the content is: loaders go by names, so a disagreement is itself a finding."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.formats import Context
from hanse.scan.repocode import judge_unread
from hanse.scan.ruleset import Hit

TEXTUAL = frozenset({"text", "json", "yaml", "xml", "python", "template", "hubconfig", "hydra"})
"""Views that say: this is text."""


def judge_routing(context: Context) -> Iterator[Hit]:
    """Yield the rules about a file's name and what its content turned out to be.

    1. Two formats that each describe the whole file.
    2. A name that promises text.
    3. A name that promises a format with a fixed header.
    4. A name whose loaders read a few formats.
    5. Nothing is known about the content at all.
    """
    if not context.facts.size:
        return
    yield from judge_unread(context)
    data = context.rules.data.get("routing", {})
    top = list(dict.fromkeys(view.format for view in context.facts.views if not view.member and view.format != "file"))
    whole = [name for name in top if name in data.get("whole", ())]
    # 1. Polyglots.
    if len(whole) > 1 and not any(set(whole) <= set(pair) for pair in data.get("together", ())):
        yield _hit("ROUTE-POLYGLOT", context, formats=" and ".join(whole))
    # 2. Names that promise text.
    if context.suffix in data.get("text", ()):
        active = [name for name in top if name in data.get("active", ())]
        if active:
            yield _hit("ROUTE-ACTIVE-AS-TEXT", context, formats=", ".join(active))
        return
    # 3. and 4. Names that promise a format.
    promised = data.get("promises", {}).get(context.suffix)
    usual = data.get("usual", {}).get(context.suffix)
    if promised or usual:
        yield from _promise(context, top, promised or usual, strict=promised is not None)
    # 5. Nothing known.
    elif not top:
        yield _hit("FILE-UNKNOWN-FORMAT", context)


def _promise(context: Context, top: list[str], promised: list[str], *, strict: bool) -> Iterator[Hit]:
    """Yield what is wrong where none of the promised formats was found."""
    if set(top) & set(promised):
        return
    words = ", ".join(promised)
    others = [name for name in top if name not in TEXTUAL]
    if top and not others:
        yield _hit("ROUTE-TEXT-AS-MODEL", context, promised=words)
    elif not strict:
        yield _hit("ROUTE-UNUSUAL-CONTENT", context, promised=words, formats=", ".join(others) or "unknown")
    elif others:
        yield _hit("ROUTE-OTHER-CONTENT", context, promised=words, formats=", ".join(others))
    else:
        yield _hit("ROUTE-NOT-AS-NAMED", context, promised=words)


def _hit(rule: str, context: Context, **words: object) -> Hit:
    return Hit(rule, words={"name": context.name, "head": head_of(context), **words})


def head_of(context: Context) -> str:
    """Return the first bytes of the file in hex."""
    seen = next((one for view in context.facts.of("file") for one in view.all("file.head")), None)
    return str(seen.data["bytes"])[:16] if seen is not None else ""
