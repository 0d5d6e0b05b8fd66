"""Lists of members: what a threshold may sign, and what is refused although it did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hanse.errors import HanseError
from hanse.keys.files import generate
from hanse.model.digest import Sha256
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.members import Member, Members, parse_members
from hanse.tlog.note import ED25519, NoteKey

NAME = Origin("hanse.example")


def member(origin: str, **changes: Any) -> Member:
    """Return a member with fresh keys."""
    log, witness, mirror = (generate(Scheme.ED25519).public for _ in range(3))
    made = Member(
        Origin(origin),
        origin.title(),
        (f"https://{origin}",),
        (NoteKey(origin, log, ED25519),),
        (cosigner_key(f"{origin}/witness", witness),),
        (cosigner_key(f"{origin}/mirror", mirror),),
        (origin.partition(".")[0],),
        10**12,
    )
    return replace(made, **changes)


def test_round_trip() -> None:
    """A list is read as it was written, and its bytes do not depend on the order of members."""
    one = member("bergen.example", distrusted={Sha256("a" * 64): 7}, static=True)
    two = member("riga.example", capacity=0)
    members = Members.of(NAME, [two, one])
    assert parse_members(members.encode()) == members
    assert Members.of(NAME, [one, two]).encode() == members.encode()
    assert list(members.members) == ["bergen.example", "riga.example"]


def test_owner_of_a_namespace() -> None:
    """A namespace is one member's in any case of its letters, or nobody's."""
    members = Members.of(NAME, [member("bergen.example"), member("riga.example")])
    found = members.owner("RIGA")
    assert found is not None
    assert found.origin == "riga.example"
    assert members.owner("narva") is None


def test_keys_and_namespaces_are_of_one_member() -> None:
    """No two members share a key or a namespace, no key has two uses, and nobody is listed twice."""
    one, two = member("bergen.example"), member("riga.example")
    for wrong in (
        [one, replace(two, namespaces=one.namespaces)],
        [one, one],
        [one, replace(two, witness=(NoteKey("riga.example/w", one.witness[0].public, one.witness[0].kind),))],
        [replace(one, mirror=(cosigner_key("bergen.example/m", one.log[0].public),))],
    ):
        with pytest.raises(HanseError, match="listed twice"):
            Members.of(NAME, wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"log": ()},
        {"title": ""},
        {"title": "a\nb"},
        {"addresses": ()},
        {"addresses": ("ftp://a",)},
        {"addresses": ("https://u:p@a",)},
        {"addresses": ("https://a/?x",)},
        {"addresses": ("https://[",)},
        {"addresses": ("https://a:99999",)},
        {"capacity": -1},
        {"capacity": 2**53},
        {"distrusted": {Sha256("a" * 64): -1}},
    ],
)
def test_bounds(changes: dict[str, Any]) -> None:
    """A member needs a key, a title, an address, and a capacity that can be written."""
    with pytest.raises(HanseError):
        member("bergen.example", **changes)


def test_names_of_keys() -> None:
    """A log's key has the log's name, a cosigner's one below it: nobody lists the key of another one's log as his witness."""
    one = member("bergen.example")
    with pytest.raises(HanseError):
        replace(one, log=(NoteKey("riga.example", one.log[0].public, ED25519),))
    with pytest.raises(HanseError):
        replace(one, witness=(cosigner_key("riga.example/witness", one.witness[0].public),))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(v=2),
        lambda told: told.update(x=1),
        lambda told: told.update(members={}),
        lambda told: told.update(name="Not An Origin"),
        lambda told: told["members"].append(1),
        lambda told: told["members"][0].update(static=1),
        lambda told: told["members"][0].update(namespaces=["Upper"]),
        lambda told: told["members"][0].update(log="x"),
        lambda told: told["members"][0].update(log=[1]),
        lambda told: told["members"][0].update(distrusted={"x": 1}),
        lambda told: told["members"][0].update(distrusted={"a" * 64: "1"}),
        lambda told: told["members"][0].pop("capacity"),
        lambda told: told["members"].extend(told["members"][:1] * 300),
    ],
)
def test_what_is_no_list_of_members(change: Callable[[dict[str, Any]], None]) -> None:
    """Another version, unknown fields, wrong types and too many members are refused."""
    told = json.loads(Members.of(NAME, [member("bergen.example")]).encode())
    change(told)
    with pytest.raises(HanseError):
        parse_members(json.dumps(told).encode())
