"""picklescan as a second opinion, asked inside a worker of its own: what it says of a file is recorded, never the gate.

It is an optional part (`hanse[picklescan]`): nothing here imports it before a worker is told to ask it.
"""

from __future__ import annotations

import io
import json
from importlib import import_module
from typing import Any

import msgspec

from hanse.scan.source import Source

MAX_IMPORTS = 100
_MAX_NAME = 200
_BUFFER = 1024 * 1024
_LEVELS = {"innocuous": 0, "suspicious": 1, "dangerous": 2}


class _Import(msgspec.Struct, forbid_unknown_fields=True):
    module: str
    name: str
    safety: str


class _Opinion(msgspec.Struct, forbid_unknown_fields=True):
    imports: list[_Import]
    count: int
    error: str | None


class _Stream(io.RawIOBase):
    """A source as the file object that picklescan reads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer).cast("B") as target:
            data = self._source.read_at(self._at, len(target))
            target[: len(data)] = data
        self._at += len(data)
        return len(data)


def installed_version() -> str:
    """Return the version of picklescan beside this node, "" if there is none."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 most who scan never ask

    try:
        return version("picklescan")
    except PackageNotFoundError:
        return ""


def opinion_of(source: Source) -> bytes:
    """Return what picklescan says of a file as JSON; any failure of its own is part of that."""
    scanner = import_module("picklescan.scanner")
    if not source.size:  # what a worker is warmed up with
        return _json([], 0, None)
    try:
        found = scanner.scan_bytes(io.BufferedReader(_Stream(source), _BUFFER), "file")
        named = {(str(one.module)[:_MAX_NAME], str(one.name)[:_MAX_NAME], str(one.safety.value)) for one in found.globals}
        failed = "unreadable" if found.scan_err else None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 whatever a stranger's file makes another scanner raise
        return _json([], 0, type(error).__name__[:_MAX_NAME])
    rows = sorted(named, key=lambda row: (-_LEVELS.get(row[2], 1), row))
    imports = [{"module": module, "name": name, "safety": safety} for module, name, safety in rows[:MAX_IMPORTS]]
    return _json(imports, len(rows), failed)


def _json(imports: list[dict[str, str]], count: int, error: str | None) -> bytes:
    return json.dumps({"imports": imports, "count": count, "error": error}).encode()


def parse_opinion(data: bytes, _size: int | None = None) -> dict[str, Any]:
    """Return an opinion that came from a worker: {imports: [{module, name, safety}], count, error}; raises ValueError."""
    try:
        found = msgspec.json.decode(data, type=_Opinion)
    except msgspec.DecodeError as error:
        raise ValueError(f"no opinion: {str(error)[:200]}") from error
    if len(found.imports) > MAX_IMPORTS or any(
        one.safety not in _LEVELS or len(one.module) > _MAX_NAME or len(one.name) > _MAX_NAME for one in found.imports
    ):
        raise ValueError("an opinion out of bounds")
    parsed: dict[str, Any] = msgspec.to_builtins(found)
    return parsed


def stopped_opinion(_size: int, reason: str) -> bytes:
    """Return the opinion of a worker that ended: `time`, `memory` or `crash`."""
    return _json([], 0, reason)
