"""docs/policy.md: its examples are policies, and its tables and sentences are what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hanse.errors import PolicyError
from hanse.flows.loaded_policy import complete
from hanse.flows.policies import cautions
from hanse.policy.parse import parse_policy
from hanse.policy.presets import MEANINGS, PRESETS
from hanse.tlog.tlogpolicy import overlap, smallest_quorum

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_are_policies(text: str, tmp_path: Path) -> None:
    """Every policy of the page can be used as it stands, and stands one lying witness where it names witnesses."""
    loaded = complete(parse_policy(text), "page", tmp_path)
    assert not any("need not share" in one and "of anyone" not in one for one in cautions(loaded, 1))


def test_the_logs_own_quorum(tmp_path: Path) -> None:
    """The tlog-policy of the page parses, and its two quorums share what nested groups share."""
    loaded = complete(parse_policy(EXAMPLES[1]), "page", tmp_path)
    assert overlap(loaded.witness["log.example"]) == 3


def quorum(witnesses: int, faulty: int) -> str:
    """Return a cell of the table of witnesses."""
    try:
        return str(smallest_quorum(witnesses, faulty))
    except PolicyError:
        return "none"


def test_the_table_of_witnesses() -> None:
    """The table holds the smallest quorums of the code."""
    found = re.search(r"<!-- table: witnesses -->\n.*?---.*?\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert found
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in found[1].splitlines()]
    assert rows == [[row[0], *(quorum(int(row[0]), faulty) for faulty in range(3))] for row in rows]


@pytest.mark.parametrize("name", PRESETS)
def test_what_presets_are_for(name: str) -> None:
    """The page says of each preset what `hanse policy list` says."""
    assert f"| `{name}` | {MEANINGS[name]} |" in PAGE
