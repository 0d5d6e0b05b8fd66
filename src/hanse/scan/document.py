"""Structured text: JSON, YAML and XML told by content, parsed once, and shown to every reader of configurations.

DIALECTS are those readers: each tells by content whether a parsed document is its own, and adds its own view.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hanse.scan import hubconfig, hydra, jsontext, keras, skops, xmltext, yamltext
from hanse.scan.facts import View
from hanse.scan.formats import HEAD_BYTES, Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.textual import first_text, looks_like_text
from hanse.scan.walk import ViewBuilder, Walk

Dialect = Callable[[object, Source, str, Walk], None]
_JSON_START = re.compile(r'(?:\{\s*(?:["}]|\Z)|\[\s*(?:["{\[\]\-0-9]|true|false|null|NaN|Infinity|\Z))')
DOCUMENT_COST = 400
_ACTED_ON = frozenset({"_target_", "__loader__", "registered_name", ""})


def _dialects() -> tuple[Dialect, ...]:
    named = ((keras, "observe_config"), (skops, "observe_schema"), (hydra, "observe"), (hubconfig, "observe"))
    return tuple(getattr(module, name) for module, name in named if hasattr(module, name))


DIALECTS = _dialects()
"""What reads a parsed document: (value, source, member, walk); source has the document's size and bytes."""


def show(value: object, source: Source, member: str, walk: Walk) -> None:
    """Let every dialect look at a parsed document."""
    for dialect in DIALECTS:
        dialect(value, source, member, walk)


def claims_json(head: bytes, source: Source) -> bool:
    """Tell whether content begins as a JSON document; templates, INI files and lists in prose do not."""
    return looks_like_text(head) and _JSON_START.match(first_text(head, source)) is not None


def observe_json(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Parse a document, or search one that is too large for what loaders act on, and show it to the dialects."""
    walk.budget.spend("operations", DOCUMENT_COST)
    try:
        data = source.read_at(0, jsontext.MAX_WHOLE + 1)
        parsed = jsontext.parse(data, walk)
    except jsontext.NotJson as error:
        view.see("malformed", reason=str(error))
        _search(source, view, walk)
        _as_yaml(source, view.member, walk)
        return
    except jsontext.TooLarge as error:
        view.see("large", bound=str(error))
        _search(source, view, walk)
        return
    for hidden in parsed.hidden:
        view.see("duplicate", key=next(iter(hidden)))
    if parsed.lines > 1:
        view.see("lines")
        return
    for value in (parsed.value, *parsed.hidden):
        show(value, source, member=view.member, walk=walk)


def _as_yaml(source: Source, member: str, walk: Walk) -> None:
    """Read what begins like JSON but is none as YAML, whose flow style looks the same."""
    if yamltext.claims(source.read_at(0, HEAD_BYTES), source):
        with walk.view("yaml", member, source, executes=True) as view:
            observe_yaml(source, view, walk)


def claims_yaml(head: bytes, source: Source) -> bool:
    """Tell whether content is YAML of interest that does not begin like JSON."""
    return yamltext.claims(head, source) and not claims_json(head, source)


def _search(source: Source, view: ViewBuilder, walk: Walk) -> None:
    for excerpt in jsontext.excerpts(source, walk):
        key, value = next(iter(excerpt.items()))
        if value is None and key in _ACTED_ON:
            view.see("unread", key=key)
        else:
            show(excerpt, source, view.member, walk)


def judge_json(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about JSON as such."""
    named = context.name_of(view.member).endswith((".json", ".keras", ".skops"))
    for one in view.all("json.malformed"):
        if named:
            yield Hit("JSON-MALFORMED", view.member, words=one.data)
    for one in view.all("json.duplicate"):
        yield Hit("JSON-DUPLICATE-KEY", view.member, words=one.data)
    for one in view.all("json.large"):
        if one.data["bound"] == "depth":
            yield Hit("JSON-DEEP", view.member)
    for one in view.all("json.unread"):
        yield Hit("JSON-UNREAD", view.member, words={"key": one.data["key"] or "an escaped key"})


def observe_yaml(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read the tags and the mappings of a YAML document and show it to the dialects."""
    for value in yamltext.observe(source, view, walk):
        show(value, source, view.member, walk)


FORMATS = (
    Format("json", False, judge_json, claims_json, observe_json),
    Format("yaml", True, yamltext.judge, claims_yaml, observe_yaml),
    Format("xml", True, xmltext.judge, xmltext.claims, xmltext.observe),
)
