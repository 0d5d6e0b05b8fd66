"""Lists of advisories in evidence files: exactly their form, and statements that are the listed ones."""

from __future__ import annotations

import hashlib

import pytest

from hanse.errors import BadFormat, DigestMismatch, HanseError, TooLarge
from hanse.model.digest import Sha256
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.model.listed_advisories import AdvisoriesEvidence, ListedAdvisory, encode_listed, parse_listed
from hanse.model.repo import Origin

DATA = b'{"a":1}'
SHA = Sha256(hashlib.sha256(DATA).hexdigest())
ONE = AdvisoriesEvidence(Origin("a.example"), (ListedAdvisory("A", SHA, DATA), ListedAdvisory("B", SHA)))


def test_it_comes_back() -> None:
    """A list is read as it was written, alone and in an evidence file, where several are taken."""
    assert parse_listed(encode_listed(ONE)) == ONE
    assert parse_evidence(encode_evidence([], [], [], (), [ONE, ONE])).advisories == (ONE, ONE)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"id":"B"', b'"id":"A"', BadFormat),
        (b'"origin":"a.example"', b'"origin":7', BadFormat),
        (b'"payload":null', b'"payload":7', BadFormat),
        (b'"id":"B",', b'"id":"B","z":1,', BadFormat),
        (b'{\\"a\\":1}', b'{\\"a\\":2}', DigestMismatch),
        (SHA.encode(), b"x", HanseError),
    ],
)
def test_another_form(old: bytes, new: bytes, error: type[HanseError]) -> None:
    """What is not exactly a list is refused."""
    line = encode_listed(ONE)
    assert old in line
    with pytest.raises(error):
        parse_listed(line.replace(old, new))


def test_bounds() -> None:
    """Neither an empty list, nor one of too many entries, nor too many lists are read."""
    for entries in ((), tuple(ListedAdvisory(f"{at:04}", SHA) for at in range(1025))):
        with pytest.raises(TooLarge):
            parse_listed(encode_listed(AdvisoriesEvidence(Origin("a"), entries)))
    with pytest.raises(TooLarge):
        encode_evidence([], [], [], (), [ONE] * 65)
