"""Templates parsed within bounds, and their fingerprints."""

from __future__ import annotations

import sys

import pytest
from tests.samples.texts import CHATML, LLAMA3, TOOLS

from hanse.scan.jinjaparse import MAX_TEXT, Unparsed, fingerprint, parse


@pytest.mark.parametrize(
    "text", [CHATML, LLAMA3, TOOLS, "{% for a in b %}{% break %}{% endfor %}", "{% generation %}x{% endgeneration %}"]
)
def test_templates_in_use_parse(text: str) -> None:
    """Loop controls and transformers' generation block belong to the grammar."""
    assert fingerprint(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "not " * 5000 + "a }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ " + "a if b else " * 5000 + "c }}",
        "{% if a %}" * 400 + "{% endif %}" * 400,
        "{% set a %}" * 400 + "{% endset %}" * 400,
        "{{ " + "[" * 500,
        "{{ " + "{1:" * 500,
    ],
)
def test_what_would_exhaust_the_parser_is_refused_before(text: str) -> None:
    """Nesting is counted on tokens, so the interpreter's recursion limit never decides."""
    limit = sys.getrecursionlimit()
    with pytest.raises(Unparsed) as caught:
        parse(text)
    assert caught.value.deep
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(
    "text",
    [
        "{{ a",
        "{% if %}",
        "{% unknown %}",
        "{{ 1" + "0" * 5000 + " }}",
        "{{ '\\N{x}' }}",
        "a" * (MAX_TEXT + 1),
        "{{ a }}" * 20_000,
    ],
)
def test_what_is_no_template_says_why(text: str) -> None:
    """Broken and oversized text ends in one kind of error."""
    with pytest.raises(Unparsed) as caught:
        parse(text)
    assert not caught.value.deep


def test_the_fingerprint_is_that_of_the_program() -> None:
    """White space between tags, its control and comments do not count; a changed word does."""
    plain = fingerprint(parse("{% for m in messages %}{{ m.content }} end{% endfor %}"))
    assert fingerprint(parse("{%- for m in messages -%}\n {{- m.content }}{# note #} end\n{% endfor %}")) == plain
    assert fingerprint(parse("{% for m in messages %}{{ m.content }} End{% endfor %}")) != plain
    assert fingerprint(parse("{% for m in messages %}{{ m.secret }} end{% endfor %}")) != plain


def test_a_long_chain_is_no_nesting() -> None:
    """Hundreds of terms in a row are deep in the tree and still have a fingerprint."""
    assert fingerprint(parse("{{ " + "a + " * 5000 + "a }}"))
