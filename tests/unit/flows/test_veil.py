"""How a log writes what a verifier knows."""

from __future__ import annotations

from hanse.flows.veil import CLEAR, Veil, veil_of
from hanse.model.conceal import conceal_value
from hanse.model.evidence import SaltEvidence
from hanse.model.repo import Origin, RepoId, RepoType

SALT = bytes(range(32))
REPO = RepoId(Origin("a.example"), RepoType.MODEL, "Org", "name")


def test_public_values_are_as_they_are() -> None:
    """Without a salt nothing is hidden."""
    assert CLEAR.hide("rev", "a" * 40) == "a" * 40


def test_hidden_values_are_commitments() -> None:
    """With a salt a value is what a concealed leaf has for it, another one in each field."""
    veil = Veil(SALT)
    assert veil.hide("rev", "a" * 40) == conceal_value(SALT, "rev", "a" * 40)
    assert veil.hide("rev", "x") != veil.hide("tree", "x")


def test_a_salt_is_of_one_repository() -> None:
    """The salt that came along for another repository, type or origin is not used."""
    salt = SaltEvidence(REPO.origin, REPO.type, "org/name", SALT)
    others = (
        SaltEvidence(REPO.origin, REPO.type, "org/other", SALT),
        SaltEvidence(REPO.origin, RepoType.DATASET, "org/name", SALT),
        SaltEvidence(Origin("b.example"), REPO.type, "org/name", SALT),
    )
    assert veil_of((*others, salt), REPO) == Veil(SALT)
    assert veil_of(others, REPO) is CLEAR
