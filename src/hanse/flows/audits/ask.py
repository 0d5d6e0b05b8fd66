"""Asking a member for what was drawn, and comparing what comes with the chunk hashes that are known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hanse.content.hashing import chunk_hash
from hanse.errors import NotFoundError, PeerError, PeerRefused
from hanse.flows.audits.draw import Piece
from hanse.flows.audits.tally import Outcome
from hanse.peers.place import Place
from hanse.sign.audit import Sample

_BUSY = 429


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one range. says: what came instead of the right bytes; got: hash of the chunk that was false, in hex."""

    piece: Piece
    outcome: Outcome
    says: str = ""
    got: str = ""

    @property
    def sample(self) -> Sample:
        """Its part of a statement; the range is of a file with a Xet hash."""
        pin = self.piece.pin
        assert pin.xet is not None
        return Sample(pin.path, pin.xet, self.piece.start, self.piece.end, self.outcome.value)


def ask(place: Place, pieces: Sequence[Piece]) -> tuple[Answer, ...]:
    """Return what a place answers about each range; never raises what a place does. A place that is silent is asked no more."""
    found: list[Answer] = []
    for piece in pieces:
        found.append(_ask(place, piece))
        if found[-1].outcome is Outcome.SILENT:
            break
    return tuple(found)


def worst(answers: Sequence[Answer]) -> Answer:
    """Return the worst of some answers, the first of those that are equally bad."""
    return max(answers, key=lambda one: one.outcome.rank)


def _ask(place: Place, piece: Piece) -> Answer:
    try:
        data = b"".join(place.read(piece.pin, piece.start, piece.end))
    except NotFoundError as error:
        return Answer(piece, Outcome.ABSENT, error.message)
    except PeerRefused as error:
        return Answer(piece, Outcome.SILENT if error.status == _BUSY else Outcome.ABSENT, error.message)
    except PeerError as error:
        return Answer(piece, Outcome.SILENT, f"{error.code}: {error.message}")
    at = 0
    for value, length in piece.chunks:
        found = chunk_hash(data[at : at + length])
        if found != value:
            says = (
                f"bytes {piece.start + at} to {piece.start + at + length} of {piece.pin.path[:200]!r} are not those of the file"
            )
            return Answer(piece, Outcome.FALSE, says, found.hex())
        at += length
    return Answer(piece, Outcome.SERVED)
