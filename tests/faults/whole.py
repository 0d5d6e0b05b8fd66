"""The check after every fault: open the data folder as a node would, and compute everything again."""

from __future__ import annotations

from pathlib import Path

from tests.support.world import check

from hanse.app import close_node, open_node, opened_node
from hanse.flows.fsck import fsck
from hanse.settings import load


def check_world(data: Path, database: str | None = None) -> int:
    """Fail unless fsck is clean, the journal has no gap and no double and every chain holds; return the number of leaves."""
    flags = {"data": str(data), "database": database}
    settings = load(flags, {"HANSE_HOME": str(data.parent)})
    with opened_node(settings):
        pass  # recovers, as every start does
    opened = open_node(settings, sequence=False)  # nothing is signed or judged while everything is compared
    try:
        report = fsck(opened.node)
        assert report.clean, report.problems[:10]
        check(opened.node)
    finally:
        close_node(opened)
    return report.checked.get("leaf", 0)


def staged(data: Path) -> list[str]:
    """Return the names of what lies in the staging folder."""
    return sorted(path.name for path in (data / "staging").iterdir())
