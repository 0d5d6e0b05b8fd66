"""Card checks: what stops an upload and what is only said."""

from __future__ import annotations

import pytest

from hanse.content.cardcheck import EMPTY, check_card


def _card(yaml: str) -> str:
    return f"---\n{yaml}\n---\n# Title\n"


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("license: asdf", '"license" must be one of'),
        ("license: mit\nlanguage: [en, 5]", '"language" must be a string or an array'),
        ("license: mit\npipeline_tag: [a]", '"pipeline_tag" must be a string'),
        ("license: mit\nmodel-index: 5", '"model-index" must be an array'),
        ("license: mit\nbase_model: https://example.org/x", "not a repository id"),
        ("license: mit\nbase_model: {a: 1}", "must be a repository id"),
        ("license: [mit", "does not parse"),
    ],
)
def test_errors(yaml: str, words: str) -> None:
    """A card that cannot mean what it says is refused with the reason."""
    (error,) = check_card(_card(yaml), "model").errors
    assert words in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# no yaml", EMPTY),
        (_card("tags: [a]"), '"license" is missing'),
        (_card("license: other"), "license_link"),
        (_card("license: mit\npipeline_tag: dancing"), "not a known task"),
    ],
)
def test_warnings(text: str, words: str) -> None:
    """What is missing or unusual is said and passes."""
    verdict = check_card(text, "model")
    assert not verdict.errors
    assert any(words in warning for warning in verdict.warnings)


def test_a_good_card_is_silent() -> None:
    """Nothing is said about a card that has everything."""
    verdict = check_card(_card("license: apache-2.0\nbase_model: a/b\npipeline_tag: fill-mask"), "model")
    assert (verdict.errors, verdict.warnings) == ((), ())
