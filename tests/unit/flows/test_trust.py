"""What a verifier starts from."""

from __future__ import annotations

from dataclasses import replace

from hanse.flows.pins import Pins
from hanse.flows.trust import MAX_NAME, Trust, Wanted, mirror_name, witness_name
from hanse.model.repo import Origin, RepoType


def test_what_was_never_seen_is_empty() -> None:
    """An origin without pins has none, which is no error."""
    home = Origin("a.example")
    assert Trust().seen(home) == Pins(home)
    assert Trust(pins={home: Pins(home, owners={"o": "f"})}).seen(home).owners == {"o": "f"}


def test_names_of_cosigners() -> None:
    """A member cosigns under names of its own, which fit the formats however long the origin is."""
    assert (witness_name("a.example"), mirror_name("a.example")) == ("a.example/witness", "a.example/mirror")
    assert len(witness_name("a" * 253)) <= MAX_NAME


def test_what_is_asked_for() -> None:
    """Where the evidence lies is no question about it; everything else is."""
    assert not Wanted(own_file="model.sig").named
    for field, value in (("origin", "a"), ("type", RepoType.MODEL), ("repo", "o/n"), ("ref", "r"), ("rev", "c"), ("tree", "t")):
        assert replace(Wanted(), **{field: value}).named  # type: ignore[arg-type]
