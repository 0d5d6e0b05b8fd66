"""YAML: tags that unsafe loaders call, and mappings for the dialects; read as events, nothing is constructed.

Only text that has such a tag or key is parsed at all; PyYAML's parser for events does not recurse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.targets import is_prose, judge_target
from hanse.scan.textual import decoded, encoding_of, looks_like_text
from hanse.scan.walk import ViewBuilder, Walk
from hanse.scan.yamltags import TAG_TEXT

MAX_TEXT = 2 * 1024 * 1024
MAX_PARSED = 64 * 1024
MAX_BRACKETS = 8_000
MAX_SEARCHED = 200
OVERLAP = 4096
MAX_SOURCE = 64 * 1024 * 1024
_NEEDLES = (b"!!python/", b"2002:python/", b"_target_")
_LETTER = r"\\(?:x|u00|U000000)(?:5[fF]|6[1-9a-fA-F]|7[0-9aA])"
_ESCAPED = re.compile(rf'"[^"\n]{{0,60}}{_LETTER}[^"\n]{{0,60}}"\s*:')
_INTEREST = re.compile(
    rb"!!python/|tag:yaml\.org,2002:python/|%TAG|_target_|chat_template|auto_map|![a-zA-Z]{1,20}:|[\"'\s\[{,:-]!<|"
    + _ESCAPED.pattern.encode()
)
_SHAPE = re.compile(r"^(?:---|%|#|\?\s|\s*(?:-\s+)?[\w.\\\"'/@ -]{1,80}\s*:(?:\s|$)|\s*-\s|\s*[!{\[])", re.MULTILINE)
_TARGET_TEXT = re.compile(r"""["']?_target_["']?\s*:\s*["']?([\w.]{1,200})""")
_TARGET_KEY = re.compile(r"""^[^#\n]*_target_["']?\s*:""", re.MULTILINE)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether content is text with YAML structure that has a tag or key of interest."""
    if head.lstrip()[:1] == b"<" or not looks_like_text(head) or _SHAPE.search(decoded(head)) is None:
        return False
    data = head if source.size <= len(head) else source.read_at(0, MAX_TEXT)
    wide = encoding_of(head)[0] != "utf-8"
    if _INTEREST.search(decoded(data).encode() if wide else data) is not None:
        return True
    return any(True for _ in _windows(source, MAX_TEXT - OVERLAP))


def _windows(source: Source, start: int = 0) -> Iterator[bytes]:
    """Yield the parts of long text that have something of interest; they overlap, so that nothing hides between two of them."""
    for at in range(start, min(source.size, MAX_SOURCE), MAX_TEXT):
        window = source.read_at(at, MAX_TEXT + OVERLAP)
        if any(needle in window for needle in _NEEDLES):
            yield window


def observe(source: Source, view: ViewBuilder, walk: Walk) -> Iterator[object]:
    """Record tags, and yield the documents as plain values; text that is too long is searched instead of parsed."""
    if source.size > MAX_TEXT:
        for window in _windows(source):
            walk.budget.spend("text", len(window))
            yield from _search(decoded(window), view)
        return
    data = source.read_at(0, MAX_TEXT)
    walk.budget.spend("text", len(data))
    text = decoded(data)
    if len(text) > MAX_PARSED or text.count("[") + text.count("{") > MAX_BRACKETS:
        yield from _search(text, view)
        return
    walk.budget.spend("operations", 8 * len(text))
    yield from _parse(text, view)


def _parse(text: str, view: ViewBuilder) -> Iterator[object]:
    from hanse.scan.yamlevents import read  # noqa: PLC0415 PyYAML is slow to import, and not needed for most files

    documents, whole = read(text, view)
    yield from documents
    if not whole:
        yield from _search(text, view)


def _search(text: str, view: ViewBuilder) -> Iterator[object]:
    """Record tags by their text, and yield {key: value} for each target."""
    view.see("searched")
    for match in islice(TAG_TEXT.finditer(text), MAX_SEARCHED):
        if match["form"]:
            view.see("python", match.start(), form=match["form"].rstrip("/"), name=(match["name"] or "")[1:])
        else:
            view.see("tag", match.start(), form=match["short"], name=match["to"])
    found = 0
    for match in islice(_TARGET_TEXT.finditer(text), MAX_SEARCHED):
        found += match[1] is not None
        yield {"_target_": match[1]}
    if found < len(_TARGET_KEY.findall(text)) or _ESCAPED.search(text):
        view.see("unread")


_CALLS = frozenset({"object", "object/apply", "object/new", "name", "module"})


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a YAML view."""
    if is_prose(context, view.member):
        return
    for one in view.all("yaml.python"):
        if one.data["form"] in _CALLS:
            yield from judge_target("a YAML tag", str(one.data["name"]), view, one.at, context)
    for _one in view.all("yaml.unread"):
        yield Hit("YAML-UNREAD", view.member)
    for one in view.all("yaml.tag"):
        yield from judge_target("a YAML tag", str(one.data["name"]), view, one.at, context)
