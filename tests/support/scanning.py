"""Nodes that scan: rulesets in which one rule is as severe as a test needs it, and contents that this rule is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hanse.flows.node import Node
from hanse.flows.rulesets import builtin_parts
from hanse.flows.scanner import Scanning
from hanse.flows.scans import ScanHook
from hanse.jobs.pool import ScanPool
from hanse.jobs.sandbox import JobLimits
from hanse.model.admission import Policy
from hanse.scan.ruleset import Ruleset, parse_ruleset

RULE = "ROUTE-NOT-AS-NAMED"
"""The rule that `ODD` hits under a name such as `x.gguf`."""
ODD = b"\x00garbage" * 8


def parts(severity: str = "suspicious") -> list[dict[str, Any]]:
    """Return the parts of the built-in ruleset, `RULE` with another severity."""
    found = [dict(part) for part in builtin_parts()]
    for part in found:
        part["rule"] = [{**one, "severity": severity} if one["id"] == RULE else one for one in part.get("rule", [])]
    return found


def rules(severity: str = "suspicious") -> Ruleset:
    """Return the built-in ruleset, `RULE` with another severity."""
    return parse_ruleset(parts(severity))


def write_rules(folder: Path, severity: str) -> Path:
    """Write that ruleset for the setting `scan_ruleset` of a node in another process."""
    source = Path(__import__("hanse.rules", fromlist=["x"]).__file__).parent
    folder.mkdir(exist_ok=True)
    for path in source.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        head, mark, rest = text.partition(f'id = "{RULE}"\n')
        if mark:
            line, _, tail = rest.partition("\n")
            assert line.startswith("severity = ")
            rest = f'severity = "{severity}"\n{tail}'
        (folder / path.name).write_text(head + mark + rest, encoding="utf-8")
    return folder


@contextmanager
def a_pool(size: int = 1, limits: JobLimits | None = None) -> Iterator[ScanPool]:
    """Give a pool for the length of a `with` block."""
    pool = ScanPool(size, limits)
    try:
        yield pool
    finally:
        pool.close()


def with_scanner(node: Node, pool: ScanPool, severity: str = "suspicious", policy: Policy | None = None) -> Node:
    """Return the node with a scanner of its own, over the same catalogue and store."""
    scanning = Scanning(pool, rules(severity), policy or Policy())
    made = replace(node, scanning=scanning)
    made.transfers.hook = partial(ScanHook, scanning)
    return made
