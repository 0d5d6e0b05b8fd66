"""What was parsed once is not parsed again until something is added."""

from __future__ import annotations

from hanse.flows.advisories.kept import Book, Issued
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

ONE = Issued(Origin("a"), "A", 1, 2, retracted=False, payload=Sha256("0" * 64), key=Sha256("1" * 64))


def test_made_once_for_each_state() -> None:
    """The state of the catalogue decides; at nothing there is nothing."""
    book, made = Book(), list[int]()

    def make() -> tuple[Issued, ...]:
        made.append(1)
        return (ONE,)

    assert book.at((0, 0, 0), make) == ()
    assert book.at((1, 0, 0), make) == book.at((1, 0, 0), make) == (ONE,)
    assert len(made) == 1
    book.at((1, 1, 0), make)
    assert len(made) == 2
