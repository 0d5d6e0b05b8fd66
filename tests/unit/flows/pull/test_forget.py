"""Forgetting first uses: what was claimed goes, what was signed or recalled stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.held import pin_of

from hanse.errors import NotFoundError, PolicyError
from hanse.flows.pull.forget import forget
from hanse.flows.pull.known import Known, KnownRef, KnownRevision
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

REPO = RepoId(Origin("hub.example"), RepoType.MODEL, "Org", "Model")
ELSEWHERE = replace(REPO, origin=Origin("other.example"))
REV, OTHER = GitOid("a" * 40), GitOid("b" * 40)
PIN = pin_of(b"x", "b.bin")
MODEL = RepoType.MODEL


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        for known, private in ((Known(held), False), (Known(held, "token"), True)):
            for repo in (REPO, ELSEWHERE, replace(REPO, name="Model2"), replace(REPO, type=RepoType.DATASET)):
                for rev in (REV, OTHER):
                    known.keep_revision(KnownRevision(repo, rev, {PIN.path: PIN}, None, private=private))
                known.keep_ref(repo, "main", KnownRef(((REV, 10),), 20), private=private)
                known.keep_name(repo, 20, node=False, private=private)
        Known(held).raise_alarm(REPO, REV, "two contents", 5)
        Known(held).recall(REPO, REV, "broken", 5)
        yield held


def test_one_revision(held: Held) -> None:
    """Its pins and the alarm go, for all who saw it; refs, other revisions, names and types, and recalls stay."""
    found = forget(held, MODEL, "org/model", "aaaaaaa")
    assert found.revisions == (f"hub.example/model/org/model@{REV}", f"other.example/model/org/model@{REV}")
    assert found.refs == ()
    for known in (Known(held), Known(held, "token")):
        assert (known.revision(REPO, REV), known.alarm(REPO, REV)) == (None, "")
        assert None not in (known.revision(REPO, OTHER), known.ref(REPO, "main"), known.name(REPO))
        assert known.revision(replace(REPO, name="Model2"), REV) is not None
        assert known.revision(replace(REPO, type=RepoType.DATASET), REV) is not None
        assert known.recalled(REPO, REV) == "broken"
    with pytest.raises(NotFoundError):
        forget(held, MODEL, "org/model", "aaaaaaa")


def test_a_name(held: Held) -> None:
    """All revisions and refs, of one origin if it is named."""
    found = forget(held, MODEL, "hub.example/Org/Model")
    assert len(found.revisions) == 2
    assert found.refs == ("hub.example/model/org/model#main",)
    known = Known(held)
    assert (known.revision(REPO, OTHER), known.ref(REPO, "main"), known.name(REPO)) == (None, None, None)
    assert known.revision(ELSEWHERE, REV) is not None
    assert known.revision(replace(REPO, name="Model2"), REV) is not None


def test_what_was_signed_stays(held: Held) -> None:
    """A revision with evidence keeps its pins; a name that a node answered for is not forgotten at all."""
    Known(held).keep_evidence(REPO, REV, b"{}", 20)
    assert f"hub.example/model/org/model@{REV}" in forget(held, MODEL, "org/model").revisions  # what the token's owner saw
    assert Known(held).revision(REPO, REV) is not None
    Known(held).keep_name(REPO, 20, node=True)
    with pytest.raises(PolicyError, match=r"is of hub\.example, whose log"):
        forget(held, MODEL, "org/model")
