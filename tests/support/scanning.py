"""Nodes that scan: rulesets in which one rule is as severe as a test needs it, and contents that this rule is about."""

from __future__ import annotations

import copy
import json
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


def parts(severity: str = "suspicious", held: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the parts of the built-in ruleset, `RULE` with another severity; files that end in `held` hit one like it."""
    found = [copy.deepcopy(part) for part in builtin_parts()]
    for part in found:
        for rule in part.get("rule", []):
            if rule["id"] == RULE or (held and rule["id"].startswith("ROUTE-")):
                rule["severity"] = severity
        routing = part.get("data", {}).get("routing")
        if routing is not None:
            routing["text"] = [one for one in routing["text"] if one not in held]
            routing["promises"] |= {one: ["gguf"] for one in held}
    return found


def rules(severity: str = "suspicious") -> Ruleset:
    """Return the built-in ruleset, `RULE` with another severity."""
    return parse_ruleset(parts(severity))


def write_rules(path: Path, severity: str, held: tuple[str, ...] = ()) -> Path:
    """Write such a ruleset for the setting `scan_ruleset` of a node in another process."""
    whole: dict[str, Any] = {"rule": [], "data": {}}
    for part in parts(severity, held):
        whole["rule"] += part.get("rule", [])
        whole["data"] |= part.get("data", {})
        whole |= {"version": part["version"]} if "version" in part else {}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


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
