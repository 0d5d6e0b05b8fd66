"""What a language costs: how many tokens a tokenizer needs for the same sentences, against English.

The numbers follow from the tokenizer's file and the sentences alone: no model runs, and everybody comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.fixed import fixed

BASE = "en"


@dataclass(frozen=True, slots=True)
class Cost:
    """A language's sentences under a tokenizer. unknown: tokens for what it cannot write; ratio: tokens to English's."""

    language: str
    name: str
    sentences: int
    characters: int
    utf8: int
    tokens: int
    unknown: int
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed and signed: the ratio as a fixed-point text."""
        said: dict[str, Any] = {"language": self.language, "name": self.name, "sentences": self.sentences}
        said |= {"characters": self.characters, "bytes": self.utf8, "tokens": self.tokens, "unknown": self.unknown}
        return said | {"ratio": fixed(self.ratio)}


def coverage(sentences: Mapping[str, tuple[str, Sequence[str]]], count: Callable[[str], tuple[int, int]]) -> tuple[Cost, ...]:
    """Return the cost of every language, cheapest first; those that cannot be written without unknown tokens come last.

    sentences: by language, its name and the sentences, the same in each; count: tokens of a text without special ones, and how
    many of them are unknown. Raises BadFormat if a language has not as many sentences as English, or a tokenizer gives none.
    """
    wanted = len(sentences[BASE][1]) if BASE in sentences else 0
    if wanted == 0 or any(len(texts) != wanted for _, texts in sentences.values()):
        raise BadFormat(f"every language has the same sentences, and {BASE} is one of them")
    base = sum(count(one)[0] for one in sentences[BASE][1])
    if base == 0:
        raise BadFormat("the tokenizer gives no tokens for an English sentence")
    found = []
    for language, (name, texts) in sentences.items():
        counts = [count(one) for one in texts]
        tokens, unknown = sum(one for one, _ in counts), sum(one for _, one in counts)
        characters, utf8 = sum(map(len, texts)), sum(len(one.encode()) for one in texts)
        found.append(Cost(language, name, wanted, characters, utf8, tokens, unknown, tokens / base))
    return tuple(sorted(found, key=lambda one: (one.unknown > 0, one.tokens, one.language)))
