"""Advisories in tests: a record, and what follows once a member has issued it."""

from __future__ import annotations

from typing import Any

from tests.support.attesting import wait
from tests.support.fellows import Fellows

from hanse.flows.advisories.issue import issue, withdraw
from hanse.flows.advisories.kept import Issued
from hanse.flows.foreign.gather import Gathering
from hanse.flows.witness import find_log


def record(name: str = "HANSE-2026-1", kind: str = "malicious", **more: Any) -> dict[str, Any]:
    """Return an OSV record about a model of a.example, unless `affected` says otherwise."""
    package = {"purl": "pkg:huggingface/alice/m?repository_url=a.example"}
    found: dict[str, Any] = {"id": name, "summary": "it runs code", "affected": [{"package": package}]}
    found["modified"] = "2026-11-01T00:00:00Z"
    return found | {"database_specific": {"kind": kind}} | more


def say(three: Fellows, by: str, said: dict[str, Any]) -> Issued:
    """Let a member issue an advisory, and everybody hear of it."""
    done = issue(three[by], said)
    spread(three, by)
    return done


def take_back(three: Fellows, by: str, name: str) -> None:
    """Let a member withdraw an advisory, and everybody hear of it."""
    withdraw(three[by], name)
    spread(three, by)


def spread(three: Fellows, by: str) -> None:
    """Let everybody follow everybody, and fetch the statements of a member's advisories."""
    wait(three[by])
    three.clock.time += 1
    three.round()
    for origin, node in three.nodes.items():
        if origin != by:
            Gathering(node, three.wire, 60).one(find_log(node, by))
