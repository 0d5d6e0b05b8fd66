"""Costs of languages: counted, ordered, against English."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.evals.coverage import coverage

TEXTS = {
    "en": ("English", ("one two", "three")),
    "de": ("German", ("eins zwei", "drei und mehr")),
    "zh": ("Chinese", ("一", "二")),
}


def words(text: str) -> tuple[int, int]:
    """Count words, of which those in other than Latin letters are unknown."""
    return len(text.split()), sum(not word.isascii() for word in text.split())


def test_costs() -> None:
    """Tokens are summed over a language's sentences, the cheapest comes first, what cannot be written last, and English is 1."""
    found = coverage(TEXTS, words)
    assert [(one.language, one.tokens, one.unknown) for one in found] == [("en", 3, 0), ("de", 5, 0), ("zh", 2, 2)]
    assert [one.ratio for one in found if one.language == "en"] == [1.0]
    assert found[-1].to_json() == {
        "language": "zh",
        "name": "Chinese",
        "sentences": 2,
        "characters": 2,
        "bytes": 6,
        "tokens": 2,
        "unknown": 2,
        "ratio": "0.666667",
    }


@pytest.mark.parametrize(
    "texts",
    [{}, {"de": ("German", ("eins",))}, {"en": ("English", ())}, TEXTS | {"fr": ("French", ("un",))}],
)
def test_unlike_languages(texts: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    """Without English, or with fewer sentences in one language, there is nothing to compare."""
    with pytest.raises(BadFormat, match="same sentences"):
        coverage(texts, words)


def test_a_tokenizer_of_nothing() -> None:
    """A tokenizer that gives no tokens has no costs."""
    with pytest.raises(BadFormat, match="no tokens"):
        coverage(TEXTS, lambda _: (0, 0))
