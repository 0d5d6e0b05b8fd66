"""YAML's events made into plain values: no constructor runs, aliases are not expanded.

The text is short (`hanse.scan.yamltext` sees to that), and PyYAML's parser for events does not recurse.
"""

from __future__ import annotations

import yaml

from hanse.scan.walk import ViewBuilder
from hanse.scan.yamltags import TAG_TEXT

MAX_DEPTH = 100
MAX_EVENTS = 8_000
PYTHON = "tag:yaml.org,2002:python/"


def read(text: str, view: ViewBuilder) -> tuple[list[object], bool]:
    """Return the documents in a text, and whether all of it was read; tags that call something go into the view."""
    builder = _Builder(view)
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            if count > MAX_EVENTS or builder.depth > MAX_DEPTH:
                view.see("large")
                return builder.documents, False
            builder.take(event)
    except (yaml.YAMLError, ValueError) as error:
        view.see("malformed", reason=type(error).__name__)
        return builder.documents, False
    return builder.documents, True


class _Builder:
    """Plain values made of events; aliases become the scalar they name, and nothing where they name more."""

    def __init__(self, view: ViewBuilder) -> None:
        self._view = view
        self._stack: list[tuple[dict[str, object] | list[object], list[str]]] = []
        self._scalars: dict[str, str] = {}
        self.documents: list[object] = []

    @property
    def depth(self) -> int:
        """How many collections are open."""
        return len(self._stack)

    def take(self, event: yaml.Event) -> None:
        """Add one event."""
        tag = getattr(event, "tag", None)
        if tag:
            self._tag(tag, event)
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor:
                self._scalars[event.anchor] = event.value
            self._put(event.value)
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._scalars.get(event.anchor or "", ""))
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({})
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._stack.pop()

    def _open(self, made: dict[str, object] | list[object]) -> None:
        self._put(made)
        self._stack.append((made, []))

    def _put(self, value: object) -> None:
        if not self._stack:
            self.documents.append(value)
            return
        into, keys = self._stack[-1]
        if isinstance(into, list):
            into.append(value)
        elif keys:
            into[keys.pop()] = value
        else:
            keys.append(value if isinstance(value, str) else "")

    def _tag(self, tag: str, event: yaml.Event) -> None:
        at = event.start_mark.index if event.start_mark else None
        value = event.value if isinstance(event, yaml.ScalarEvent) else ""
        if tag.startswith(PYTHON):
            form, _, name = tag[len(PYTHON) :].partition(":")
            self._view.see("python", at, form=form, name=name or value)
        elif match := TAG_TEXT.fullmatch(tag):
            self._view.see("tag", at, form=match["short"], name=match["to"])
