"""Proposals: they collect signatures, and change a federation only with enough of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hanse.errors import BadFormat, BadSignature, Conflict, DigestMismatch, HanseError
from hanse.keys.files import FileSigner, generate
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin
from hanse.sign.federation import TrustedFederation
from hanse.sign.proposal import Proposal, apply, lacking, make_root, make_targets, merge, parse_proposal, sign_proposal

EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
NAME = Origin("hanse.example")


@pytest.fixture(name="keys")
def _keys() -> list[FileSigner]:
    """Return keys of five institutions."""
    return [generate(Scheme.ED25519) for _ in range(5)]


def proposal(keys: list[FileSigner], need: int, version: int, files: dict[str, bytes]) -> Proposal:
    """Return an unsigned change of both roles."""
    root = make_root(version, [key.public for key in keys], need, EXPIRES)
    return Proposal(NAME, root, make_targets(version, files, EXPIRES), files)


def by(made: Proposal, *keys: FileSigner) -> Proposal:
    """Return it signed by these, each on a copy of his own that travelled as a file."""
    return merge([sign_proposal(parse_proposal(made.encode()), key) for key in keys])


def test_a_federation_from_its_first_root(keys: list[FileSigner]) -> None:
    """One member begins; a second joins when the first agrees; then both are needed."""
    first = by(proposal(keys[:1], 1, 1, {"a": b"1"}), keys[0])
    trusted = apply(TrustedFederation.start(first.root), first)
    second = proposal(keys[:2], 2, 2, {"a": b"2"})
    with pytest.raises(BadSignature):
        apply(trusted, by(second, keys[1]))
    trusted = apply(trusted, by(second, keys[0], keys[1]))
    assert trusted.check_target("a", b"2") == b"2"
    third = proposal(keys[:2], 1, 3, {"a": b"3"})
    with pytest.raises(BadSignature):
        apply(trusted, by(third, keys[0]))


def test_who_is_missing(keys: list[FileSigner]) -> None:
    """A proposal says which thresholds it does not meet yet: those of the present root, and those of the new one."""
    first = by(proposal(keys[:1], 1, 1, {}), keys[0])
    trusted = apply(TrustedFederation.start(first.root), first)
    second = by(proposal(keys[:3], 2, 2, {}), keys[0])
    assert [line.split(" that")[0] for line in lacking(trusted, second)] == [
        "root is signed by 1 of the 2",
        "targets is signed by 1 of the 2",
    ]
    assert lacking(trusted, by(second, keys[0], keys[2])) == []
    assert len(lacking(trusted, by(proposal(keys[:3], 2, 2, {}), keys[1], keys[2]))) == 1


def test_only_files_change(keys: list[FileSigner]) -> None:
    """A proposal of targets alone needs the present threshold."""
    first = by(proposal(keys, 3, 1, {"a": b"1"}), *keys[:3])
    trusted = apply(TrustedFederation.start(first.root), first)
    next_files = Proposal(NAME, targets=make_targets(2, {"a": b"2"}, EXPIRES), files={"a": b"2"})
    assert apply(trusted, by(next_files, *keys[2:])).targets_version == 2


def test_files_are_the_listed_ones(keys: list[FileSigner]) -> None:
    """A file that was exchanged on the way, or left out, is noticed."""
    made = by(proposal(keys, 1, 1, {"a": b"1"}), keys[0])
    trusted = TrustedFederation.start(made.root)
    with pytest.raises(DigestMismatch):
        apply(trusted, Proposal(NAME, made.root, made.targets, {"a": b"x"}))
    with pytest.raises(BadFormat, match="does not hold a"):
        apply(trusted, Proposal(NAME, made.root, made.targets, {}))


def test_copies_of_different_proposals(keys: list[FileSigner]) -> None:
    """Signatures under one proposal are never carried over to another one."""
    one, two = proposal(keys, 1, 1, {"a": b"1"}), proposal(keys, 1, 1, {"a": b"2"})
    same_files = Proposal(NAME, make_root(1, [keys[0].public], 1, EXPIRES), one.targets, one.files)
    for other in (two, same_files, Proposal(NAME, targets=one.targets, files=one.files)):
        with pytest.raises(Conflict):
            merge([sign_proposal(one, keys[0]), sign_proposal(other, keys[1])])
    with pytest.raises(BadFormat):
        merge([])


def test_signing_twice_is_one_signature(keys: list[FileSigner]) -> None:
    """Who signs again takes the place of his own signature."""
    made = sign_proposal(sign_proposal(proposal(keys, 1, 1, {}), keys[0]), keys[0])
    assert len(json.loads(made.root)["signatures"]) == 1


def test_thresholds_that_cannot_be(keys: list[FileSigner]) -> None:
    """A threshold is between one and the number of keys, and no key is listed twice."""
    publics = [key.public for key in keys]
    for listed, need in ((publics, 0), (publics, 6), ([*publics, publics[0]], 2), ([], 0)):
        with pytest.raises(BadFormat):
            make_root(1, listed, need, EXPIRES)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(v=2),
        lambda told: told.update(x=1),
        lambda told: told.pop("files"),
        lambda told: told.update(files=[]),
        lambda told: told.update(files={"a": "*"}),
        lambda told: told.update(files={"a": 1}),
        lambda told: told.update(federation=1),
        lambda told: told.update(federation="A B"),
        lambda told: told.update(root=told["targets"]),
        lambda told: (told.pop("root"), told.pop("targets")),
        lambda told: told["root"].update(signed=1),
    ],
)
def test_what_is_no_proposal(keys: list[FileSigner], change: Callable[[dict[str, Any]], object]) -> None:
    """A file that is no proposal is refused before anything in it is looked at."""
    told = json.loads(proposal(keys, 1, 1, {"a": b"1"}).encode())
    change(told)
    with pytest.raises(HanseError):
        parse_proposal(json.dumps(told).encode())
