"""Terms: possible numbers only, checked against the xorbs they name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.content import terms as terms_module
from hanse.content.hashing import chunk_hash, encode_chunk_list, range_hash
from hanse.content.terms import Term
from hanse.content.xorbwriter import serialise
from hanse.errors import BadFormat, DigestMismatch
from hanse.model.digest import EMPTY_XET

_RAWS = [bytes([at]) * (at + 1) for at in range(10)]
_TABLE = serialise(_RAWS)[1]
_TABLES = {_TABLE.xorb: _TABLE}
_TERMS = (Term(_TABLE.xorb, 2, 5, 3 + 4 + 5), Term(_TABLE.xorb, 0, 10, 55))


def test_packed_terms_round_trip() -> None:
    """Terms come back from 44 bytes each."""
    data = terms_module.encode_terms(_TERMS)
    assert len(data) == 88
    assert terms_module.parse_terms(data) == _TERMS
    assert terms_module.parse_terms(b"") == ()
    assert terms_module.terms_size(_TERMS) == 67


@pytest.mark.parametrize(
    ("start", "end", "length"), [(3, 3, 5), (4, 3, 5), (0, 8193, 8193), (0, 5, 4), (0, 5, 5 * 131_072 + 1), (0, 1, 0)]
)
def test_impossible_terms_are_refused(start: int, end: int, length: int) -> None:
    """An empty or backward range, one past 8,192 chunks, and lengths that no such chunks can have are refused."""
    term = Term(EMPTY_XET, start, end, length)
    with pytest.raises(BadFormat):
        terms_module.check_term(term)
    with pytest.raises(BadFormat):
        terms_module.parse_terms(terms_module.encode_terms([term]))


def test_partial_terms_are_refused() -> None:
    """A packed form ends with a whole term."""
    with pytest.raises(BadFormat):
        terms_module.parse_terms(terms_module.encode_terms(_TERMS)[:-1])


def test_terms_fit_the_xorbs_they_name() -> None:
    """Chunks past the xorb's last one and another length than its chunks have are refused."""
    terms_module.check_against_tables(_TERMS, _TABLES)
    for bad in (replace(_TERMS[0], end=11), replace(_TERMS[0], length=13)):
        with pytest.raises(BadFormat):
            terms_module.check_against_tables([bad], _TABLES)


def test_range_hashes_prove_the_chunks() -> None:
    """Every term's hash is over the hashes of its chunks; a wrong or missing one is refused."""
    hashes = [range_hash(map(chunk_hash, _RAWS[term.start : term.end])) for term in _TERMS]
    terms_module.check_range_hashes(_TERMS, hashes, _TABLES)
    with pytest.raises(DigestMismatch):
        terms_module.check_range_hashes(_TERMS, hashes[::-1], _TABLES)
    with pytest.raises(BadFormat):
        terms_module.check_range_hashes(_TERMS, hashes[:1], _TABLES)


def test_chunk_list_of_a_file_follows_its_terms() -> None:
    """The chunks of a file are those of its terms, in order."""
    raws = _RAWS[2:5] + _RAWS
    assert terms_module.chunk_list_of(_TERMS, _TABLES) == encode_chunk_list([(chunk_hash(raw), len(raw)) for raw in raws])
