"""Expressions."""

from __future__ import annotations

import pytest

from hanse.scan.budget import OverBudget
from hanse.scan.python.lexer import Lexer
from hanse.scan.python.parser import Cursor, Node, Refused


def parsed(text: str) -> Node:
    """Return the tree of a whole expression."""
    (line,) = Lexer(text.encode(), lambda _what, _count: None).lines()
    cursor = Cursor(line.tokens)
    found = cursor.expressions()
    assert cursor.at_end()
    return found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a.b(c, *d, e=f, **g)[1:2]", "item"),
        ("a if b else c", "chain"),
        ("lambda x, *y, z=1: x", "lambda"),
        ("[x for x in y if x if z for w in x]", "each"),
        ("{a: b, **c}", "dict"),
        ("{a: b for a, b in c}", "each"),
        ("(x := y)", "assign"),
        ("not a is not b", "chain"),
        ("-1", "const"),
        ("'a' f'{b}'", "fields"),
        ("await x(y for y in z)", "call"),
        ("(yield x)", "name"),
        ("a,", "tuple"),
        ("...", "const"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    """Every form of expression has its kind of node, and nothing of it is left over."""
    assert parsed(text).kind == kind


@pytest.mark.parametrize("text", ["a.", "f(", "if", "[a for]", "lambda 1: 2", ")"])
def test_refused(text: str) -> None:
    """What is no expression is refused."""
    with pytest.raises(Refused):
        parsed(text)


def test_depth() -> None:
    """Nesting without brackets is bounded, too."""
    with pytest.raises(OverBudget):
        parsed("lambda: " * 500 + "1")
