"""The JSON of a status."""

from __future__ import annotations

from hanse.flows.status.values import Cosigning, MemberStatus, RepoStatus, way_json
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.policy.collusion import Way
from hanse.policy.loss import Loss

A, B = Origin("a.example"), Origin("b.example")


def test_times_that_never_were_are_null() -> None:
    """A member whose log was never read has no time, not the year 1970."""
    found = MemberStatus(A, "A", "https://a.example", False, 5, (B,), 0, 0, 0, 0, "", 0, True, None).json()
    assert found["log"] == {"size": 0, "mirrored": 0, "cosignedAt": None, "readAt": None, "failure": ""}
    assert found["audit"] is None
    assert Cosigning("a", "w", "witness", 3, 1_800_000_000).json()["time"] == "2027-01-15T08:00:00Z"


def test_a_repository_says_what_is_missing() -> None:
    """Fewer holders than wanted are missing copies; more are none."""
    way = Way("statement", 2, ("a", "b"), "a and b", "more")
    repo = RepoId(A, RepoType.MODEL, "o", "m")
    one = RepoStatus(repo, GitOid("1" * 40), 7, (A,), (), 3, Loss(1, ("a",)), "copies", (way,), (B,))
    told = one.json()
    assert (one.missing, told["missing"], told["repo"]) == (2, 2, "o/m")
    assert told["lost"] == {"members": 1, "who": ["a"], "counted": "copies", "could": ["b.example"]}
    assert told["deceived"] == way_json(way)
    assert RepoStatus(repo, GitOid("1" * 40), 7, (A, B), (), 1, Loss(1, ("a",)), "copies", ()).missing == 0
