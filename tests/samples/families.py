"""All sample families of all areas."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.samples.base import Family, Sample


@cache
def all_families() -> dict[str, Family]:
    """Return every family by name; a module of this folder contributes those of its `FAMILIES`."""
    found: dict[str, Family] = {}
    for module in sorted(one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module not in {"base", "families"}:
            for name, family in getattr(import_module(f"tests.samples.{module}"), "FAMILIES", {}).items():
                assert name not in found, name
                found[name] = family
    return found


def all_samples() -> Iterator[tuple[str, str, Sample]]:
    """Yield (family, label, sample) for every generated file; label: malicious, benign or malformed."""
    for name, family in all_families().items():
        for label in ("malicious", "benign", "malformed"):
            yield from ((name, label, sample) for sample in getattr(family, label))
