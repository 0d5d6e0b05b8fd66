"""Card front matter: YAML 1.2 core types, and nothing hostile gets through."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content.card import parse_card, parse_yaml, scalar_value, split_front_matter, texts
from hanse.errors import BadFormat


def test_front_matter_is_cut_off() -> None:
    """The YAML stands between two lines of three dashes at the start; the rest is the card."""
    assert split_front_matter("---\nlicense: mit\n---\n# Hi\n") == ("license: mit\n", "# Hi\n")
    assert split_front_matter("\ufeff\r\n---\r\na: 1\r\n---") == ("a: 1\r\n", "")


@pytest.mark.parametrize("text", ["", "# Hi", "---", "---\nnever ends", "----\na: 1\n---\n", "x\n---\na: 1\n---\n"])
def test_no_front_matter(text: str) -> None:
    """A text without the two lines is all card."""
    assert split_front_matter(text) == (None, text)
    assert parse_card(text).data == {}


def test_types_are_those_of_json() -> None:
    """Norway stays `no`, dates and sexagesimals stay texts, quoted numbers stay texts."""
    data = parse_yaml('a: no\nb: 2020-01-01\nc: 1:30\nd: "5"\ne: 5\nf: -2.5e3\ng: true\nh: ~\ni: .nan\nj: 0x10\nk:\n')
    assert data == {
        "a": "no",
        "b": "2020-01-01",
        "c": "1:30",
        "d": "5",
        "e": 5,
        "f": -2500.0,
        "g": True,
        "h": None,
        "i": ".nan",
        "j": "0x10",
        "k": None,
    }


@pytest.mark.parametrize("text", ["9" * 19, "1e999", "-", "+", ".", "e5", "1.2.3", "++1"])
def test_what_json_cannot_hold_stays_text(text: str) -> None:
    """Numbers beyond 18 digits or infinity are kept as written."""
    assert scalar_value(text) == text


def test_tags_construct_nothing() -> None:
    """A YAML tag that asks for an object is ignored."""
    assert parse_yaml('a: !!python/object/apply:os.system ["true"]') == {"a": ["true"]}


def test_aliases_are_values() -> None:
    """An alias of a finished value repeats it."""
    assert parse_yaml("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x]",
        "a: *nobody",
        "a: 1\na: 2",
        "[1, 2]: 3",
        "{a: 1}: 3",
        "[" * 40 + "]" * 40,
        "a: '\n",
        "\t- a",
        "a: \x00",
        "a: \ud800 \x01",
        "[" * 100_000,
        "{a: " * 100_000,
        "x" * (1024 * 1024 + 1),
        "[" + "1," * 100_001 + "]",
    ],
    ids=range(14),
)
def test_refused(text: str) -> None:
    """Recursion, unknown anchors, double and complex keys, depth, size and syntax errors are BadFormat."""
    with pytest.raises(BadFormat):
        parse_yaml(text)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    """Aliases count at their full expansion, so ten levels of ten are refused in no time."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{at}: &a{at} [{','.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    started = time.process_time()
    with pytest.raises(BadFormat, match="aliases expanded"):
        parse_yaml("\n".join(lines))
    assert time.process_time() - started < 1


def test_the_card_must_be_a_mapping() -> None:
    """A list as front matter is no card; an empty one is an empty card."""
    with pytest.raises(BadFormat, match="mapping"):
        parse_card("---\n- a\n---\n")
    assert parse_card("---\n\n---\nbody").data == {}


def test_texts() -> None:
    """A text or list of texts is read leniently."""
    assert (texts("a"), texts(["a", 1, "b"]), texts({"a": 1}), texts(None)) == (["a"], ["a", "b"], [], [])


@given(st.text(max_size=200) | st.text(alphabet="-: \n&*a[]{},'\"!|>#?%@`", max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Whatever is written, the answer is JSON or BadFormat."""
    try:
        value = parse_yaml(text)
    except BadFormat:
        return
    msgspec.json.encode(value)
