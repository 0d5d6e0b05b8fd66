"""Protocol buffers read from the wire: fields by number, messages by a schema, nothing generated and nothing loaded whole.

What a schema does not name is skipped by its length, so a gigabyte of weights costs one field. Every field spends budget.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Malformed

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 100
"""Deepest nesting that the protobuf library itself reads."""
MAX_TEXT = 4096
MAX_ATTACHED = 4096
WINDOW = 16 * 1024
COST = 18
"""Operations that one field is worth."""
MESSAGE_COST = 50
OWED = 1_000


class Field(NamedTuple):
    """One field. value: the number, or for BYTES the length; start: where its value starts; after: where the next field does."""

    number: int
    wire: int
    value: int
    start: int
    after: int


Schema = Mapping[str, Mapping[int, str]]
"""Message name to field number to what the field is: another message's name, `text`, `number` or `span` (where it lies)."""


@dataclass(slots=True)
class Message:
    """One message read. values: field number to what was kept of it, in order."""

    name: str
    at: int
    values: dict[int, list[Any]] = field(default_factory=dict)

    def text(self, number: int) -> str:
        """Return the last text of a field, as protobuf readers do; empty if there is none."""
        found = self.values.get(number)
        return str(found[-1]) if found else ""

    def number(self, number: int) -> int:
        """Return the last number of a field, 0 if there is none."""
        found = self.values.get(number)
        return int(found[-1]) if found else 0

    def all(self, number: int) -> list[Any]:
        """Return everything kept of a field."""
        return self.values.get(number, [])


class Wire:
    """Reads fields of a source through a small window."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._buffer = b""
        self._base = 0
        self._owed = 0

    def bytes_at(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, fewer where the source ends."""
        begin = start - self._base
        if begin < 0 or begin + length > len(self._buffer):
            if length > WINDOW // 2:
                return self._source.read_at(start, length)
            self._base, self._buffer = start, self._source.read_at(start, WINDOW)
            begin = 0
        return self._buffer[begin : begin + length]

    def text(self, start: int, length: int) -> str:
        """Return a text, cut at MAX_TEXT bytes."""
        return self.bytes_at(start, min(length, MAX_TEXT)).decode("utf-8", "backslashreplace")

    def field(self, at: int, end: int) -> Field:
        """Return the field that starts at `at` and lies before `end`; raises Malformed if none does."""
        self._owed += COST
        if self._owed >= OWED:
            self.settle()
        begin = at - self._base
        if begin < 0 or begin + 20 > len(self._buffer):
            self.bytes_at(at, 20)
            begin = at - self._base
        buffer = self._buffer
        # Nearly every tag, and every second length, is one byte.
        if begin + 1 < len(buffer) and buffer[begin] < 0x80 and at + 1 < end:
            tag, begin = buffer[begin], begin + 1
        else:
            tag, begin = self._varint(begin, end)
        wire = tag & 7
        if tag < 8:
            raise Malformed("field number 0", at)
        if wire in {VARINT, BYTES}:
            if begin < len(buffer) and buffer[begin] < 0x80 and begin + self._base < end:
                value, begin = buffer[begin], begin + 1
            else:
                value, begin = self._varint(begin, end)
            after = begin + self._base + (value if wire == BYTES else 0)
        elif wire in {FIXED64, FIXED32}:
            value, after = 0, begin + self._base + (8 if wire == FIXED64 else 4)
        else:
            raise Malformed(f"wire type {wire}", at)
        if after > end:
            raise Malformed("a field is longer than what holds it", at)
        return Field(tag >> 3, wire, value, begin + self._base, after)

    def settle(self) -> None:
        """Spend what fields read so far are worth; raises OverBudget."""
        owed, self._owed = self._owed, 0
        self._budget.spend("operations", owed)

    def _varint(self, begin: int, end: int) -> tuple[int, int]:
        """Return a number in the window and where it ends there."""
        buffer = self._buffer
        value = shift = 0
        for index in range(begin, min(begin + 10, len(buffer), end - self._base)):
            byte = buffer[index]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, index + 1
            shift += 7
        raise Malformed("a number does not end", begin + self._base)

    def messages(
        self,
        schema: Schema,
        name: str,
        end: int,
        *,
        start: int = 0,
        attach: Collection[str] = (),
        wanted: Callable[[Message, int], bool] | None = None,
    ) -> Iterator[Message]:
        """Yield messages, inner ones first, the outermost last.

        attach: names of messages that are kept in the one around them; wanted: called before a message inside another is read,
        false skips it. Raises Malformed and OverBudget.
        """
        stack = [(Message(name, start), end)]
        at = start
        while stack:
            message, stop = stack[-1]
            if at >= stop:
                stack.pop()
                if not stack:
                    self.settle()
                yield message
                continue
            found = self.field(at, stop)
            at = found.after
            kind = schema[message.name].get(found.number)
            if kind is None:
                continue
            inner = self._keep(message, found, kind, schema)
            if inner is not None and (wanted is None or wanted(message, found.number)):
                if len(stack) >= MAX_DEPTH:
                    raise Malformed("messages nested too deep", found.start)
                self._owed += MESSAGE_COST
                if inner.name in attach:
                    self._attach(message, found.number, inner)
                stack.append((inner, found.after))
                at = found.start

    @staticmethod
    def _attach(message: Message, number: int, inner: Message) -> None:
        kept = message.values.setdefault(number, [])
        if len(kept) >= MAX_ATTACHED:
            raise OverBudget("attached")
        kept.append(inner)

    def _keep(self, message: Message, found: Field, kind: str, schema: Schema) -> Message | None:
        """Keep a value in its message; return the message to read next, if the field is one."""
        if kind == "number":
            if found.wire == VARINT:
                message.values.setdefault(found.number, []).append(found.value)
        elif found.wire == BYTES:
            if kind in schema:
                return Message(kind, found.start)
            value = self.text(found.start, found.value) if kind == "text" else (found.start, found.value)
            message.values.setdefault(found.number, []).append(value)
        return None


PROBED = 200
"""Fields that are looked at to tell whether content is a message of some kind."""
PROBE_OPERATIONS = PROBED * COST
FIRST = 8


def begins_message(head: bytes, size: int) -> bool:
    """Tell whether content begins with FIRST fields, or fewer up to its end or beyond its head; the last may be cut.

    head: its first bytes; size: of all of it.
    """
    wire = Wire(BytesSource(head), Budget({"operations": 2 * FIRST * COST}))
    at = 0
    try:
        for _ in range(FIRST):
            if at + 20 > len(head) < size or at >= size:
                break
            found = wire.field(at, 1 << 62)
            at = found.after
            if at > size and found.wire != BYTES:
                return False
    except Malformed:
        return False
    return at > 0


def shape(wire: Wire, start: int, end: int, most: int = 64) -> list[Field] | None:
    """Return the first `most` fields of what could be a message, None if it is none."""
    fields: list[Field] = []
    at = start
    try:
        while at < end and len(fields) < most:
            fields.append(wire.field(at, end))
            at = fields[-1].after
    except Malformed:
        return None
    return fields
