"""Model and dataset cards: the YAML at the head of README.md, read without trusting it.

The YAML is built straight from parser events, so nothing of it is ever constructed by PyYAML: no tags, no types beyond those
of JSON, bounded depth and size, aliases counted at their full expansion. Scalars follow the YAML 1.2 core schema, as the
public hub's own parser does: `no` is a text, dates stay as written, `.nan` and numbers that JSON cannot hold stay texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hanse.errors import BadFormat

MAX_YAML_BYTES = 1024 * 1024
MAX_NODES = 100_000
MAX_TEXT = 2 * 1024 * 1024
MAX_DEPTH = 32
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FIXED: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Card:
    """A parsed README.md. data: the front matter, JSON values with text keys, empty if there is none; body: the Markdown."""

    data: Mapping[str, Any]
    body: str


def split_front_matter(text: str) -> tuple[str | None, str]:
    """Return (YAML between the `---` lines or None, the Markdown after it)."""
    start = text.lstrip("\ufeff \t\r\n")
    first, newline, rest = start.partition("\n")
    if first.rstrip() != "---" or not newline:
        return None, text
    at = 0
    while at < len(rest):
        end = rest.find("\n", at)
        line = rest[at:] if end < 0 else rest[at:end]
        if line.rstrip("\r") == "---":
            return rest[:at], "" if end < 0 else rest[end + 1 :]
        if end < 0:
            break
        at = end + 1
    return None, text


def parse_card(text: str) -> Card:
    """Return the card written in README.md; raises BadFormat when its YAML does not parse or is no mapping."""
    front, body = split_front_matter(text)
    if front is None:
        return Card({}, body)
    data = parse_yaml(front)
    if data is None:
        return Card({}, body)
    if not isinstance(data, dict):
        raise BadFormat("the card's YAML must be a mapping such as `license: apache-2.0`")
    return Card(data, body)


def parse_yaml(text: str) -> Any:
    """Return the value of one YAML document in JSON types; raises BadFormat.

    Refused: over 1 MiB, 100,000 nodes or 2 MiB of text after expanding aliases, more than 32 levels, keys that are no
    scalars or come twice, aliases of something that is not finished yet.
    """
    raw = text.encode("utf-8", "replace")
    if len(raw) > MAX_YAML_BYTES:
        raise BadFormat(f"a card's YAML may have at most {MAX_YAML_BYTES} bytes, got {len(raw)}")
    try:
        return _Builder(iter(yaml.parse(raw, Loader=_LOADER))).document()
    except yaml.YAMLError as error:
        raise BadFormat(f"the card's YAML does not parse: {_where(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BadFormat("the card's YAML does not parse") from error


def _where(error: yaml.YAMLError) -> str:
    problem = str(getattr(error, "problem", None) or getattr(error, "context", None) or "bad syntax")
    mark = getattr(error, "problem_mark", None)
    return problem if mark is None else f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


def scalar_value(text: str) -> Any:
    """Return the value of a plain scalar by the YAML 1.2 core schema, as a JSON type."""
    if text in _FIXED:
        return _FIXED[text]
    digits = text[1:] if text[0] in "+-" else text
    if digits and _DIGITS.issuperset(digits):
        return int(text) if len(digits) <= 18 else text
    if len(text) <= 40 and digits[:1] in _DIGITS | {"."} and set(digits) <= _DIGITS | set(".eE+-"):
        try:
            number = float(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text
    return text


def texts(value: Any) -> list[str]:
    """Return a text or the texts of a list as a list; nothing else."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


@dataclass
class _Weight:
    """Nodes and characters of a value, aliases counted in full."""

    nodes: int = 0
    text: int = 0

    def add(self, other: _Weight) -> None:
        self.nodes += other.nodes
        self.text += other.text
        if self.nodes > MAX_NODES or self.text > MAX_TEXT:
            raise BadFormat(f"the card's YAML has more than {MAX_NODES} values or {MAX_TEXT} characters, aliases expanded")


@dataclass
class _Builder:
    """Turns the events of one document into a value."""

    events: Iterator[Any]
    anchors: dict[str, tuple[Any, _Weight]] = field(default_factory=dict)
    total: _Weight = field(default_factory=_Weight)

    def document(self) -> Any:
        value: Any = None
        for event in self.events:
            if isinstance(event, yaml.NodeEvent):
                value = self._node(event, 0)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
        return value

    def _node(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise BadFormat(f"the card's YAML is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor))
        before = _Weight(self.total.nodes, self.total.text)
        if isinstance(event, yaml.ScalarEvent):
            self.total.add(_Weight(1, len(event.value)))
            value: Any = scalar_value(event.value) if event.implicit[0] else event.value
        else:
            self.total.add(_Weight(1, 0))
            value = self._sequence(depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, _Weight(self.total.nodes - before.nodes, self.total.text - before.text))
        return value

    def _alias(self, anchor: str) -> Any:
        if anchor not in self.anchors:
            raise BadFormat(f"the card's YAML uses an unknown anchor {anchor[:40]!r}")
        value, weight = self.anchors[anchor]
        self.total.add(weight)
        return value

    def _sequence(self, depth: int) -> list[Any]:
        items: list[Any] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise BadFormat("the card's YAML has a key that is not a plain text")
            self.total.add(_Weight(1, len(event.value)))
            if event.value in items:
                raise BadFormat(f"the card's YAML has the key {event.value[:80]!r} twice")
            items[event.value] = self._node(next(self.events), depth + 1)
        return items
