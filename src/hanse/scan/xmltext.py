"""XML: entities that a parser would fetch from elsewhere or blow up (PMML, OpenVINO and other models are XML)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.textual import decoded, first_text, looks_like_text
from hanse.scan.walk import ViewBuilder, Walk

MAX_PROLOG = 1024 * 1024
MAX_ENTITIES = 200
_START = re.compile(r"<\?xml[\s?]|<!DOCTYPE[\s\[]|<!--|<(?:PMML|net|svg|root)[\s>]", re.IGNORECASE)
_SKIP = re.compile(r"\s++|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_ENTITY = re.compile(
    r"<!ENTITY\s+(?P<kind>%\s+)?(?P<name>[^\s%'\"<>]{1,200})\s+"
    r"(?:(?:SYSTEM|PUBLIC\s*(?:'[^']*'|\"[^\"]*\"))\s*(?:'(?P<a>[^']*)'|\"(?P<b>[^\"]*)\")"
    r"|'(?P<c>[^']*)'|\"(?P<d>[^\"]*)\")"
)
_REFERENCE = re.compile(r"[&%]([^\s;&%]{1,200});")


def claims(head: bytes, source: Source) -> bool:
    """Tell whether content begins as an XML document."""
    return looks_like_text(head) and _START.match(first_text(head, source)) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Record the entities that the document type declares, and how far they expand."""
    data = source.read_at(0, MAX_PROLOG)
    walk.budget.spend("text", len(data))
    text = decoded(data)
    at = 0
    while match := _SKIP.match(text, at):
        walk.budget.spend("operations")
        at = match.end()
    if text[at : at + 9].upper() != "<!DOCTYPE":
        if at >= len(text) and source.size > MAX_PROLOG:
            view.stop("text")
        return
    sizes: dict[str, int] = {}
    for match in _ENTITY.finditer(text, at):
        if len(sizes) >= MAX_ENTITIES:
            view.see("entities")
            return
        _entity(match, sizes, view)


def _entity(match: re.Match[str], sizes: dict[str, int], view: ViewBuilder) -> None:
    address = match["a"] or match["b"]
    if address:
        view.see("external", match.start(), name=match["name"], address=address)
        return
    value = match["c"] or match["d"] or ""
    known = (sizes.get(name, 1) for name in _REFERENCE.findall(value))
    sizes[match["name"]] = size = min(len(value) + sum(known), 1 << 40)
    if size > 10_000_000:
        view.see("bomb", match.start(), name=match["name"])


def judge(view: View, _context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to an XML view."""
    for one in view.all("xml.external"):
        yield Hit("XML-ENTITY-EXTERNAL", view.member, one.at, words=one.data)
    for one in view.all("xml.bomb"):
        yield Hit("XML-ENTITY-BOMB", view.member, one.at, words=one.data)
    for one in view.all("xml.entities"):
        yield Hit("XML-ENTITY-BOMB", view.member, one.at, words={"name": "one of hundreds"})
