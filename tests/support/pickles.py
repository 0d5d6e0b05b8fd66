"""What the pickle machine sees in bytes, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanse.scan.dispatch import extract
from hanse.scan.facts import View
from hanse.scan.source import BytesSource


def views(data: bytes) -> list[View]:
    """Return the views of `data` as pickle."""
    return list(extract(BytesSource(data)).of("pickle"))


def seen(data: bytes, kind: str, member: str = "") -> list[Mapping[str, Any]]:
    """Return the data of the observations `pickle.<kind>` of one member."""
    return [one.data for view in views(data) if view.member == member for one in view.all(f"pickle.{kind}")]


def calls(data: bytes, member: str = "") -> list[str]:
    """Return what is called, in order."""
    return [str(one["callable"]) for one in seen(data, "call", member)]


def ending(data: bytes) -> str:
    """Return why the first stream ended."""
    return str(seen(data, "stream")[0]["end"])
