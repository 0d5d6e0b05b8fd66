"""Python's tokens."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.python.lexer import Lexer


def lexed(text: str) -> list[list[str]]:
    """Return the texts of the tokens of every line; strings as their value."""
    lexer = Lexer(text.encode(), lambda _what, _count: None)
    found = [[str(one.value) if one.kind == "string" else one.text for one in line.tokens] for line in lexer.lines()]
    assert lexer.problems == 0
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = (1,\n 2) # c\nb", [["a", "=", "(", "1", ",", "2", ")"], ["b"]]),
        ("a\\\n+b", [["a", "+", "b"]]),
        ("# x\ra\rb", [["a"], ["b"]]),
        ("0if x else y", [["0", "if", "x", "else", "y"]]),
        ('"\\x61\\142\\u0063\\N{LATIN SMALL LETTER D}"', [["abcd"]]),
        ('r"\\x61"', [["\\x61"]]),
        ('"""a\nb"""', [["a\nb"]]),
        ("'a' \"b\"", [["a", "b"]]),
    ],
)
def test_tokens(text: str, lines: list[list[str]]) -> None:
    """Lines end where Python ends them, and literals hold what Python would make of them."""
    assert lexed(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        'f"{a["b"]!r:>{w}}"',
        "f'''{x:\n}'''",
        'f"{{}}{a=}"',
        'rf"\\d{a}"',
        'f"{x:%Y-%m}"',
        "t'{a}'",
        "rf'\\{a}'",
        "f'\\N{DIGIT ONE}{a}'",
    ],
)
def test_replacement_fields(text: str) -> None:
    """A string with fields is one token, whatever quotes and specifications are inside."""
    (tokens,) = lexed(text)
    assert tokens == [""]


def test_fields_behind_backslashes() -> None:
    """A backslash does not hide a field."""
    (line,) = Lexer(b"f'\\{a}'", lambda _what, _count: None).lines()
    assert [one.text for one in line.tokens[0].value[1]] == ["a"]


@pytest.mark.parametrize("text", ['"open', "(", ")", "a ? b", "f'{x'"])
def test_problems(text: str) -> None:
    """What Python refuses is counted, and reading goes on."""
    lexer = Lexer(text.encode(), lambda _what, _count: None)
    list(lexer.lines())
    assert lexer.problems > 0


def test_folded_names() -> None:
    """A name in look-alike letters is the name that Python makes of it; Greek stays Greek."""
    lexer = Lexer("\uff45xec(λ)".encode(), lambda _what, _count: None)
    assert [one.text for line in lexer.lines() for one in line.tokens] == ["exec", "(", "λ", ")"]
    assert lexer.folded == {"exec": 0}


@pytest.mark.parametrize("text", ["(" * 100, "f'{" * 100, "a " * 180_000])
def test_bounds(text: str) -> None:
    """Nesting and tokens are paid for before they are read."""
    with pytest.raises(OverBudget):
        list(Lexer(text.encode(), Budget(limits_for(1000)).spend).lines())
