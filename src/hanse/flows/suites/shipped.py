"""The suites that ship with Hanse, by name, and the sentences of the language table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from hanse.errors import InputError, NotFoundError
from hanse.evals.builtin import GENERATED, WRITTEN
from hanse.evals.generate import FIXED_SEED
from hanse.evals.suite import Suite

NAMES: tuple[str, ...] = (*GENERATED, *WRITTEN)
"""Names of the shipped suites."""


def shipped(name: str, seed: bytes | None = None) -> Suite:
    """Return a shipped suite, of another seed if one is given.

    Raises NotFoundError for a name that none has, InputError for a seed where nothing is generated.
    """
    if name in GENERATED:
        return _fixed(name) if seed is None else GENERATED[name](seed)
    if name not in WRITTEN:
        raise NotFoundError(f"there is no suite {name[:64]!r}", hint=f"shipped are {', '.join(NAMES)}; hanse suite list")
    if seed is not None:
        raise InputError(f"the suite {name} is written, not generated", hint=f"seeds are for {', '.join(GENERATED)}")
    return _written(name)


@cache
def _fixed(name: str) -> Suite:
    return GENERATED[name](FIXED_SEED)


@cache
def _written(name: str) -> Suite:
    return WRITTEN[name](table(name))


def table(name: str) -> Mapping[str, Any]:
    """Return the table with this name as it ships."""
    return tomllib.loads((resources.files("hanse.suites") / f"{name}.toml").read_text(encoding="utf-8"))


def sentences() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return the sentences of the language table by language: its name in English, and they."""
    return {language: (rest[0], tuple(rest[1:])) for language, rest in table("languages")["languages"].items()}
