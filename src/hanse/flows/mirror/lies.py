"""Lies of upstreams: what was claimed, what the bytes are, kept as alarms that an operator sees."""

from __future__ import annotations

from hanse.db.mirrors import Content
from hanse.db.repos import Repo
from hanse.errors import DigestMismatch
from hanse.flows.mirror.rows import raise_alarm
from hanse.flows.node import Node
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin

LIE = "upstream-lie"
"""Kind of the alarm."""


def lie(node: Node, repo: Repo, rev: GitOid, pin: FilePin, *, place: str, says: str) -> None:
    """Record that a place gave bytes that are not what was claimed."""
    claim = {"path": pin.path, "size": pin.size, "oid": pin.git_oid, "sha256": pin.sha256 or "", "xet": pin.xet or ""}
    evidence = canonical({"place": place, "rev": rev, "claim": claim, "found": says[:1000]})
    raise_alarm(node, repo, LIE, f"{place} lies about {pin.path[:300]!r} of {repo.repo} at {rev[:12]}: {says}", evidence)


def check_content(node: Node, repo: Repo, rev: GitOid, pin: FilePin, found: Content) -> None:
    """Raise DigestMismatch, and record the lie, unless a content has every name that the claim gives it."""
    pairs = (("bytes", pin.size, found.size), ("sha256", pin.sha256, found.sha256), ("xet hash", pin.xet, found.xet))
    for what, said, is_so in pairs:
        if said is not None and said != is_so:
            says = f"{what} {said} was claimed, the content has {is_so}"
            lie(node, repo, rev, pin, place=repo.repo.origin, says=says)
            raise DigestMismatch(f"{pin.path!r} of {repo.repo} at {rev}: {says}", hint="the upstream contradicts itself")
