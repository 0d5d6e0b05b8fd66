"""What an upstream claims and what the bytes are is kept apart, and told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.memoryplaces import pin_of

from hanse.db import alarms
from hanse.db.mirrors import Content
from hanse.errors import DigestMismatch
from hanse.flows.mirror.lies import LIE, check_content, lie
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.repo import Origin, RepoId, RepoType

REV = GitOid("1" * 40)
PIN = pin_of("b.bin", b"b")


def test_every_name_must_hold(lite: Node) -> None:
    """Size, SHA-256 and xet hash are compared where they are claimed; the first that does not hold is an alarm."""
    repo = open_mirror(lite, RepoId(Origin("up.example"), RepoType.MODEL, "org", "m"), "")
    assert PIN.sha256 is not None
    found = Content(PIN.sha256, XetHash("5" * 64), 1)
    check_content(lite, repo, REV, PIN, found)
    for bad in (replace(PIN, size=2), replace(PIN, sha256=Sha256("6" * 64)), replace(PIN, xet=XetHash("7" * 64))):
        with pytest.raises(DigestMismatch, match="was claimed"):
            check_content(lite, repo, REV, bad, found)
    lie(lite, repo, REV, PIN, place="evil.example", says="other bytes")
    with lite.db.read() as conn:
        told = alarms.every(conn)
    assert {one.kind for one in told} == {LIE}
    assert len(told) == 4
    assert "evil.example lies about 'b.bin'" in told[0].says
