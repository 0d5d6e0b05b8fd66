"""Attacks on the trust layer: each test says who attacks, who refuses and who notices, and is held to it.

docs/attacks.md is made from what is declared here (`tests.docs.tables`), so the table says what the tests show.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

from tests.support.federation import World

READERS, WITNESSES, MIRRORS, COMPARING = "readers", "witnesses", "mirrors", "readers who compare"
OPERATOR, CARRIER = "the log's operator", "whoever carries its bytes"
Attack = Callable[[World], None]


WITHOUT = {
    "signers": ("need = 2", "need = 1"),
    "witness": ("need = 3", "need = 0"),
    "mirror": ('[mirror]\nneed = 3\nof = "all"', "[mirror]\nneed = 0"),
    "freshness": ("[signers]", '[freshness]\nlatest = "allow"\n[signers]'),
    "owner": ("[signers]", '[owner]\nchange = "warn"\n[pins]\nchanged = "warn"\n[signers]'),
}
"""What a policy is changed by to ask for less: rule -> text and what replaces it. `memory` is the reader's own."""


@dataclass(frozen=True)
class Row:
    """One attack. prevented: nobody accepts a lie; refused, noticed: which parties refuse, and see that something is false.

    rule: the attack works against who does not ask for it, "" where several stand in its way.
    """

    what: str
    who: str
    prevented: bool
    refused: frozenset[str]
    noticed: frozenset[str]
    rule: str
    limit: str
    test: str


ROWS: dict[str, Row] = {}


def attack(
    what: str,
    *,
    who: str,
    refused: set[str] | None = None,
    noticed: set[str] | None = None,
    rule: str = "",
    works: bool = False,
    limit: str = "",
) -> Callable[[Attack], Callable[[Path], None]]:
    """Make a test of an attack on a world of honest people.

    what, who, limit: for the table; works: the attack succeeds, which the table says, too; rule: without it, it would.
    """

    def made(test: Attack) -> Callable[[Path], None]:
        name = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        row = Row(what, who, not works, frozenset(refused or ()), frozenset(noticed or ()), rule, limit, name)
        ROWS[name] = row

        @wraps(test)
        def run(tmp_path: Path) -> None:
            world = World(tmp_path)
            test(world)
            world.check()
            assert bool(world.lies()) == works, world.lies()
            assert world.refused_by() == row.refused, world.errors()
            assert world.noticed_by() == row.noticed, world.errors()
            if rule:
                _without(rule, test, tmp_path)

        del run.__wrapped__  # pytest must see the argument of `run`
        return run

    return made


def _without(rule: str, test: Attack, folder: Path) -> None:
    """Show that the attack works where the rule is not asked for: else the test would prove nothing about it."""
    (folder / "without").mkdir()
    world = World(folder / "without")
    if rule == "memory":
        world.forgetful = True
    else:
        old, new = WITHOUT[rule]
        assert old in world.policy
        world.policy = world.policy.replace(old, new)
        if rule == "witness":
            world.policy = world.policy.replace('need = 0\nof = "all"', "need = 0")
    with suppress(AssertionError):  # it says that the attack is refused
        test(world)
    assert world.lies(), world.errors()
