"""The suites that ship, by name, and the language table as it travels."""

from __future__ import annotations

import unicodedata

import pytest

from hanse.errors import InputError, NotFoundError
from hanse.flows.suites.shipped import NAMES, sentences, shipped


def test_by_name() -> None:
    """Every name leads to the suite that is called so."""
    assert [shipped(name).name for name in NAMES] == list(NAMES)


def test_names_and_seeds_that_lead_nowhere() -> None:
    """An unknown name says which there are; a seed is for generated suites."""
    with pytest.raises(NotFoundError, match="no suite 'nothing'") as caught:
        shipped("nothing")
    assert "arithmetic" in caught.value.hint
    with pytest.raises(InputError, match="not generated"):
        shipped("harmless", b"seed")


def test_the_language_table() -> None:
    """Forty languages have the same two sentences, each in its normal form, none twice."""
    table = sentences()
    assert len(table) == 40
    assert {len(texts) for _, texts in table.values()} == {2}
    texts = [text for _, both in table.values() for text in both]
    assert len(set(texts)) == 80
    assert [text for text in texts if unicodedata.normalize("NFC", text) != text or text != text.strip()] == []
