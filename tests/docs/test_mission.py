"""docs/mission.md promises nothing that cannot be typed or has no test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.test_commands import ALL

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "mission.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| **")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].split("**")[1])
def test_every_row_names_a_command_and_a_test_that_exist(row: list[str]) -> None:
    """The command is one of `hanse --help`, and the test is in this tree under that name."""
    _promise, command, test, elsewhere = row
    assert command.strip("`") in ALL
    file, _, function = test.strip("`").partition("::")
    assert (ROOT / file).exists()
    if function:
        assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert elsewhere


def test_the_table_is_there() -> None:
    """The page has a row for each part of the promise that is kept."""
    assert len(ROWS) >= 6
