"""What people want to know of a GGUF file: architecture, parameters, context, chat template, special tokens.

From the header alone, as hubs show it; nothing here is a judgement (`hanse.scan.gguf`). Field names are those of the Hub API's
`gguf` object.
"""

from __future__ import annotations

from typing import Any

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.gguf import MAX_KEYS, MAX_NAME, MAX_TENSORS, MAX_TEXT
from hanse.scan.ggufread import ARRAY, SIZES, STRING, Reader
from hanse.scan.source import Source
from hanse.scan.walk import Malformed, Walk

MAX_TOKEN = 200
_TOKENS = "tokenizer.ggml.tokens"
_TEMPLATE = "tokenizer.chat_template"
_SPECIAL = {"bos_token": "tokenizer.ggml.bos_token_id", "eos_token": "tokenizer.ggml.eos_token_id"}
_KINDS = (4, 5, 10, 11)  # whole numbers of 32 and 64 bits


def summarise(source: Source) -> dict[str, Any] | None:
    """Return the summary of a GGUF file, None if its header cannot be read to the end.

    total: parameters in all tensors; architecture, context_length, chat_template, bos_token, eos_token: where the file has them.
    """
    try:
        return _Summary(source).read()
    except (Malformed, OverBudget):
        return None


class _Summary:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._walk = Walk(Budget(limits_for(source.size)), lambda *_: None)
        self._found: dict[str, Any] = {}
        self._tokens: int | None = None

    def _reader(self, order: str, version: int) -> Reader:
        return Reader(self._source, self._walk, order, wide=version > 1)

    def read(self) -> dict[str, Any]:
        """Read metadata, then the tensors, then the tokens that metadata names."""
        head = self._source.read_at(0, 8)
        order = "<" if head[4:6] != b"\0\0" else ">"
        version = int.from_bytes(head[4:8], "little" if order == "<" else "big")
        if head[:4] != b"GGUF" or version not in {1, 2, 3}:
            raise Malformed("this is no GGUF file", 0)
        reader = self._reader(order, version)
        tensors, keys = reader.length("the number of tensors"), reader.length("the number of metadata entries")
        if keys > MAX_KEYS or tensors > MAX_TENSORS:
            raise Malformed(f"{tensors} tensors and {keys} metadata entries", 8)
        for _ in range(keys):
            self._entry(reader)
        total = sum(self._tensor(reader) for _ in range(tensors))
        return self._told(total, order, version)

    def _entry(self, reader: Reader) -> None:
        self._walk.budget.spend("operations", 20)
        key = reader.text("a key", MAX_NAME)
        kind = int(reader.number(4, "the type of a value"))
        if kind in SIZES:
            value = reader.number(kind, key)
            if kind in _KINDS and (key.endswith(".context_length") or key in _SPECIAL.values()):
                self._found[key] = int(value)
        elif kind == STRING:
            text = reader.text(key, MAX_TEXT)
            if key in ("general.architecture", _TEMPLATE):
                self._found[key] = text
        elif kind == ARRAY:
            if key == _TOKENS:
                self._tokens = reader.at
            reader.array(key, 0)
        else:
            raise Malformed(f"{key[:80]!r} has the unknown type {kind}", reader.at)

    def _tensor(self, reader: Reader) -> int:
        """Return the number of elements of the next tensor."""
        self._walk.budget.spend("operations", 80)
        reader.text("a tensor's name", MAX_NAME)
        dimensions = int(reader.number(4, "a tensor"))
        if dimensions > 4:
            raise Malformed(f"a tensor has {dimensions} dimensions", reader.at)
        elements = 1
        for _ in range(dimensions):
            elements = min(elements * int(reader.number(10 if reader.wide else 4, "a tensor")), 1 << 62)
        reader.number(4, "a tensor")
        reader.number(10, "a tensor")
        return elements

    def _told(self, total: int, order: str, version: int) -> dict[str, Any]:
        architecture = self._found.get("general.architecture")
        told = {
            "total": min(total, 1 << 53),
            "architecture": architecture,
            "context_length": self._found.get(f"{architecture}.context_length"),
            "chat_template": self._found.get(_TEMPLATE),
        }
        told |= {name: self._token(self._found.get(key), self._reader(order, version)) for name, key in _SPECIAL.items()}
        return {name: value for name, value in told.items() if value is not None}

    def _token(self, number: int | None, reader: Reader) -> str | None:
        """Return the text of a token of the vocabulary."""
        if number is None or self._tokens is None:
            return None
        reader.at = self._tokens
        kind, count = int(reader.number(4, _TOKENS)), reader.length(_TOKENS)
        if kind != STRING or not 0 <= number < count:
            return None
        reader.skip_texts(number, _TOKENS)
        return reader.text("a token", MAX_TOKEN)
