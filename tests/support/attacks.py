"""Attacks on the trust layer: each test says who attacks, who refuses and who notices, and is held to it.

docs/attacks.md is made from what is declared here (`tests.docs.tables`), so the table says what the tests show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

from tests.support.federation import World

READERS, WITNESSES, MIRRORS, COMPARING = "readers", "witnesses", "mirrors", "readers who compare"
OPERATOR, CARRIER = "the log's operator", "whoever carries its bytes"
Attack = Callable[[World], None]


@dataclass(frozen=True)
class Row:
    """One attack. prevented: nobody accepts a lie; refused, noticed: which parties refuse, and can show others what happened."""

    what: str
    who: str
    prevented: bool
    refused: frozenset[str]
    noticed: frozenset[str]
    limit: str
    test: str


ROWS: dict[str, Row] = {}


def attack(
    what: str, *, who: str, refused: set[str] | None = None, noticed: set[str] | None = None, works: bool = False, limit: str = ""
) -> Callable[[Attack], Callable[[Path], None]]:
    """Make a test of an attack on a world in which honest people have published and read before.

    what, who, limit: for the table; works: the attack succeeds, which the table says, too.
    """

    def made(test: Attack) -> Callable[[Path], None]:
        name = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        row = Row(what, who, not works, frozenset(refused or ()), frozenset(noticed or ()), limit, name)
        ROWS[name] = row

        @wraps(test)
        def run(tmp_path: Path) -> None:
            world = World(tmp_path)
            test(world)
            world.check()
            assert bool(world.lies()) == works, world.lies()
            assert world.refused_by() == row.refused, world.errors()
            assert world.noticed_by() == row.noticed, world.errors()

        del run.__wrapped__  # pytest must see the argument of `run`
        return run

    return made
