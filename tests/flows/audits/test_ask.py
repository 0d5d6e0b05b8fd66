"""What members answer, and what it counts as."""

from __future__ import annotations

import pytest
from tests.support.audited import FilesPlace
from tests.support.memoryplaces import pin_of

from hanse.content.hashing import chunk_hash
from hanse.errors import HanseError, NotFoundError, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.flows.audits.ask import ask, worst
from hanse.flows.audits.draw import Piece
from hanse.flows.audits.tally import Outcome

DATA = b"0123456789" * 30


def _piece(start: int = 0, *lengths: int) -> Piece:
    chunks, at = [], start
    for length in lengths or (100, 200):
        chunks.append((chunk_hash(DATA[at : at + length]), length))
        at += length
    return Piece(pin_of("a", DATA), start, at, tuple(chunks))


def test_right_bytes_are_served() -> None:
    """Every range is asked for once, exactly as drawn."""
    place = FilesPlace({"a": DATA})
    found = ask(place, [_piece(), _piece(100, 50)])
    assert [one.outcome for one in found] == [Outcome.SERVED] * 2
    assert place.asked == [("a", 0, 300), ("a", 100, 150)]


@pytest.mark.parametrize("at", [0, 150, 299])
def test_one_wrong_byte_is_false(at: int) -> None:
    """A single altered byte is found in its chunk, which is named, with the hash of what came."""
    altered = DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]
    (found,) = ask(FilesPlace({"a": altered}), [_piece()])
    assert found.outcome is Outcome.FALSE
    assert found.got == chunk_hash(altered[:100] if at < 100 else altered[100:300]).hex()
    assert ("bytes 0 to 100" if at < 100 else "bytes 100 to 300") in found.says


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotFoundError("gone"), Outcome.ABSENT),
        (PeerRefused("no", status=451), Outcome.ABSENT),
        (PeerRefused("later", status=429), Outcome.SILENT),
        (PeerDown("down"), Outcome.SILENT),
        (PeerTooSlow("slow"), Outcome.SILENT),
        (PeerMisbehaved("odd"), Outcome.SILENT),
    ],
)
def test_what_is_no_answer(error: HanseError, outcome: Outcome) -> None:
    """Not having it and not answering are kept apart; who is silent is asked no more."""
    place = FilesPlace({"a": DATA}, error)
    found = ask(place, [_piece(), _piece()])
    assert worst(found).outcome is outcome
    assert error.message in worst(found).says
    assert len(found) == (1 if outcome is Outcome.SILENT else 2)


def test_the_worst_answer_counts() -> None:
    """One false range among good ones is what the audit comes to."""
    good, bad = _piece(0, 100), _piece(100, 100)
    found = ask(FilesPlace({"a": DATA[:100] + b"x" * 200}), [good, bad, good])
    assert [one.outcome for one in found] == [Outcome.SERVED, Outcome.FALSE, Outcome.SERVED]
    assert worst(found) is found[1]
