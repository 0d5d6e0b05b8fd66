"""Statements and their scopes."""

from __future__ import annotations

import pytest

from hanse.scan.python.lexer import Lexer
from hanse.scan.python.statements import Program

WHOLE = """
from __future__ import annotations
from . import a
from ..b import (c as d, e,)
import f.g as h, i
@decorated(1)
async def name[T](x: int = 1, /, *y, z: "str" = "s", **kw) -> int:
    async with a as b, c: pass
    async for q, *r in s: await t
    return x
class C(B, metaclass=M):
    x: int = 1; y += 2
    def m(self): return 1
try:
    raise E from e
except* (A, B) as error:
    del x, y
else: pass
finally: ...
match command:
    case [x, {"a": 1}] if x > 1: print(x)
    case _: pass
match = type = 1
type Alias[T] = list[T]
with (open(a) as b, open(c) as d,):
    assert x, "y"
while x: break
if __name__ == "__main__":
    main()
global_ = a = b = 1, 2
"""


def program(text: str) -> Program:
    """Return a read program."""
    found = Program(Lexer(text.encode(), lambda _what, _count: None))
    found.read()
    return found


def test_everything_is_read() -> None:
    """Every statement of the language is known."""
    assert program(WHOLE).refused == 0


def test_scopes() -> None:
    """A statement knows the function that it runs in; a script's block is not the module's."""
    found = program("a()\nclass C:\n  b()\n  def f(self): c()\nif __name__ == '__main__':\n  d()\ne()")
    where = [(one.a.a.a, one.scope.function()) for one in found.statements if one.kind == "value" and one.a.kind == "call"]
    assert where == [("a", "<module>"), ("b", "<module>"), ("c", "f"), ("d", "<main>"), ("e", "<module>")]


@pytest.mark.parametrize("text", ["word word\n" * 100, "1. a list\n2. of things\n" * 60])
def test_prose(text: str) -> None:
    """A text that Python would refuse is given up early."""
    assert not Program(Lexer(text.encode(), lambda _what, _count: None)).read()
