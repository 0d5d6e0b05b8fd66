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

    assert book.at((0, 0), make) == ()
    assert book.at((1, 0), make) == book.at((1, 0), make) == (ONE,)
    assert len(made) == 1
    book.at((1, 1), make)
    assert len(made) == 2
    assert book.last == (ONE,)


def test_what_is_about_a_revision_is_looked_for_once() -> None:
    """Until something is added a revision is compared once; what was found among older ones is not kept for newer ones."""
    book, looked = Book(), list[str]()

    def look() -> tuple[Issued, ...]:
        looked.append("")
        return (ONE,)

    first = book.at((1, 0), lambda: (ONE,))
    assert book.about(first, "r", look) == book.about(first, "r", look) == (ONE,)
    assert len(looked) == 1
    second = book.at((2, 0), lambda: (ONE, ONE))
    assert book.about(first, "r", look) == (ONE,)
    assert book.about(second, "r", tuple) == ()
    assert book.about(second, "r", look) == ()
    assert len(looked) == 2
