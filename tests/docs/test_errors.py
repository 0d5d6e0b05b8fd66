"""docs/errors.md lists every error with its code, HTTP status and meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse import errors
from hanse.errors import HanseError
from hanse.web.errors import STATUS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HanseError)]


def row(kind: type[HanseError]) -> str:
    """Return the beginning of the table row that documents `kind`."""
    status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
    meaning = (kind.__doc__ or "").strip().splitlines()[0]
    return f"| `{kind.code}` | {status} | {meaning} |"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_documented_as_it_is(kind: type[HanseError]) -> None:
    """Code, status and meaning in the table are the ones of the code."""
    assert row(kind) in PAGE


def test_no_error_is_made_up() -> None:
    """The page has no row for an error that does not exist."""
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(kind.code for kind in KINDS)
