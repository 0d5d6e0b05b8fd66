"""Statements of Python, one after the other, each with the scope that it runs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hanse.scan.budget import OverBudget
from hanse.scan.python.lexer import Lexer, Line, Token
from hanse.scan.python.parser import Cursor, Node, Refused

MAX_REFUSED = 50
"""Statements that are none, above a quarter of all, after which a text is taken for something else: Python refuses the first."""
MAX_SCOPES = 100


@dataclass(eq=False, slots=True)
class Scope:
    """Where names live. kind: module, class, function, or main (`if __name__ == "__main__"`); names: what they hold."""

    kind: str
    name: str
    parent: Scope | None = None
    names: dict[str, Any] = field(default_factory=dict)

    def function(self) -> str:
        """Return the name of the innermost function, `<main>` or `<module>`."""
        scope: Scope | None = self
        while scope is not None and scope.kind == "class":
            scope = scope.parent
        return "<module>" if scope is None or scope.kind == "module" else scope.name


class Statement(NamedTuple):
    """kind, offset, scope, and parts by kind.

    import([(module, alias)]) from(module, [(name, alias)]) def(scope, parameters, expressions) class(scope, expressions)
    decorator(node) assign([targets], value) for(targets, iterable) value(node) return(node)
    """

    kind: str
    at: int
    scope: Scope
    a: Any = None
    b: Any = None
    c: Any = None


class Program:
    """The statements of a text, and how many were none (`refused`)."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self.refused = 0
        self.cut: str | None = None
        self.count = 0
        self.statements: list[Statement] = []
        self.module = Scope("module", "<module>")
        self._blocks: list[tuple[int, Scope]] = []

    def read(self) -> bool:
        """Read everything, or until a bound is reached (`cut` says which); returns whether the text is a program."""
        try:
            for line in self._lexer.lines():
                self._keep(line)
                if max(self.refused * 4 - self.count, self._lexer.problems) > MAX_REFUSED * 3:
                    return False
        except OverBudget as error:
            self.cut = error.resource
        return self.count > self.refused or not self.count

    def acts(self) -> bool:
        """Read up to the first thing that is no Python; returns whether there was none, and more than a list of words."""
        try:
            for line in self._lexer.lines():
                self._keep(line)
                if self.refused or self._lexer.problems:
                    return False
        except OverBudget:
            return False
        return not self._lexer.problems and any(not _idle(one) for one in self.statements)

    def _keep(self, line: Line) -> None:
        self.count += 1
        try:
            self.statements += self._line(line)
        except Refused:
            self.refused += 1

    def _line(self, line: Line) -> list[Statement]:
        while self._blocks and self._blocks[-1][0] >= line.indent:
            self._blocks.pop()
        scope = self._blocks[-1][1] if self._blocks else self.module
        return list(_Reader(line, scope, self._open).read())

    def _open(self, indent: int, scope: Scope) -> None:
        if len(self._blocks) >= MAX_SCOPES:
            raise OverBudget("depth")
        self._blocks.append((indent, scope))


class _Reader:
    """Reads one logical line."""

    def __init__(self, line: Line, scope: Scope, opened: Any) -> None:
        self._cursor = Cursor(line.tokens)
        self._indent = line.indent
        self._scope = scope
        self._opened = opened

    def read(self) -> Iterator[Statement]:
        while not self._cursor.at_end():
            yield from self._statement()
            self._cursor.accept(";")

    def _statement(self) -> Iterator[Statement]:
        cursor = self._cursor
        token = cursor.peek()
        if token.kind == "op" and token.text == "@":
            cursor.take()
            yield Statement("decorator", token.at, self._scope, cursor.expression())
            return
        while token.kind == "name" and token.text == "async":
            cursor.take()
            token = cursor.peek()
        reader = getattr(self, f"_{token.text}_", None) if token.kind == "name" and token.text in _KEYWORDS else None
        if reader is not None:
            cursor.take()
            yield from reader(token)
        elif token.text in {"match", "case", "type"} and self._soft(token):
            yield from self._soft_statement(token)
            return
        else:
            yield from self._simple(token)
        if not cursor.at_end() and cursor.peek().text != ";" and reader is None:
            raise Refused(cursor.peek().text)

    def _simple(self, token: Token) -> Iterator[Statement]:
        cursor = self._cursor
        targets = [cursor.expressions()]
        if cursor.accept(":"):
            yield Statement("value", token.at, self._scope, cursor.expression())
        operator = cursor.peek().text
        if operator in _AUGMENTED:
            cursor.take()
            value = Node("chain", token.at, [targets[0], cursor.expressions()], [operator[:-1]])
            yield Statement("assign", token.at, self._scope, targets, value)
            return
        while cursor.accept("="):
            targets.append(cursor.expressions())
        if len(targets) > 1:
            yield Statement("assign", token.at, self._scope, targets[:-1], targets[-1])
        else:
            yield Statement("value", token.at, self._scope, targets[0])

    def _soft(self, token: Token) -> bool:
        follower = self._cursor.peek(1)
        if follower.kind == "name" and follower.text not in {"in", "is", "and", "or", "if", "else", "not"}:
            return True
        last = self._cursor.tokens[-1].text
        return token.text != "type" and last == ":" and follower.text not in {":", "=", ".", ","}

    def _soft_statement(self, token: Token) -> Iterator[Statement]:
        cursor = self._cursor
        cursor.take()
        if token.text == "match":
            yield Statement("value", token.at, self._scope, cursor.expressions())
            cursor.expect(":")
        elif token.text == "type":
            cursor.index = len(cursor.tokens)
        else:
            yield from self._case(token)

    def _case(self, token: Token) -> Iterator[Statement]:
        """Skip the pattern, which runs nothing but classes' own tests; keep the guard."""
        cursor, depth = self._cursor, 0
        while not cursor.at_end():
            text = cursor.take().text
            depth += (text in {"(", "[", "{"}) - (text in {")", "]", "}"})
            if not depth and text == "if":
                yield Statement("value", token.at, self._scope, cursor.expression())
            if not depth and text == ":":
                return

    def _import_(self, token: Token) -> Iterator[Statement]:
        found = []
        while True:
            name = self._dotted()
            alias = self._cursor.take().text if self._cursor.accept("as") else ""
            found.append((name, alias))
            if not self._cursor.accept(","):
                break
        yield Statement("import", token.at, self._scope, found)

    def _from_(self, token: Token) -> Iterator[Statement]:
        cursor, module = self._cursor, ""
        while cursor.peek().text in {".", "..."}:
            module += cursor.take().text
        module += "" if cursor.peek().text == "import" else self._dotted()
        cursor.expect("import")
        found, wrapped = [], cursor.accept("(")
        while not cursor.at_end() and cursor.peek().text not in {")", ";"}:
            name = cursor.take()
            if name.kind != "name" and name.text != "*":
                raise Refused(name.text)
            found.append((name.text, cursor.take().text if cursor.accept("as") else name.text))
            cursor.accept(",")
        if wrapped:
            cursor.expect(")")
        yield Statement("from", token.at, self._scope, module, found)

    def _dotted(self) -> str:
        parts = [self._cursor.take()]
        while self._cursor.accept("."):
            parts.append(self._cursor.take())
        if any(part.kind != "name" for part in parts):
            raise Refused("name")
        return ".".join(part.text for part in parts)

    def _def_(self, token: Token) -> Iterator[Statement]:
        cursor, name = self._cursor, self._cursor.take()
        if name.kind != "name":
            raise Refused(name.text)
        self._type_parameters()
        cursor.expect("(")
        parameters, extra = list[str](), list[Node]()
        while not cursor.accept(")"):
            if cursor.accept(",", "*", "**", "/"):
                continue
            one = cursor.take()
            if one.kind != "name":
                raise Refused(one.text)
            parameters.append(one.text)
            if cursor.accept(":"):
                cursor.accept("*")
                extra.append(cursor.expression())
            if cursor.accept("="):
                extra.append(cursor.expression())
        if cursor.accept("->"):
            extra.append(cursor.expressions())
        inner = Scope("function", name.text, self._scope)
        yield Statement("def", token.at, self._scope, inner, parameters, extra)
        self._block(inner)

    def _class_(self, token: Token) -> Iterator[Statement]:
        cursor, name = self._cursor, self._cursor.take()
        if name.kind != "name":
            raise Refused(name.text)
        self._type_parameters()
        bases: list[tuple[str, Node]] = []
        if cursor.peek().text == "(":
            bases = cursor.arguments()
        inner = Scope("class", name.text, self._scope)
        yield Statement("class", token.at, self._scope, inner, [node for _, node in bases])
        self._block(inner)

    def _type_parameters(self) -> None:
        if self._cursor.peek().text == "[":
            depth = 0
            while not self._cursor.at_end():
                text = self._cursor.take().text
                depth += (text == "[") - (text == "]")
                if not depth:
                    return

    def _block(self, inner: Scope) -> None:
        """Go into what follows the colon: the rest of the line, and the lines that are indented more."""
        self._cursor.expect(":")
        self._scope = inner
        self._opened(self._indent, inner)

    def _if_(self, token: Token) -> Iterator[Statement]:
        test = self._cursor.expression()
        yield Statement("value", token.at, self._scope, test)
        if _is_main(test):
            self._block(Scope("main", "<main>", self._scope, self._scope.names))
        else:
            self._cursor.expect(":")

    def _while_(self, token: Token) -> Iterator[Statement]:
        yield Statement("value", token.at, self._scope, self._cursor.expression())
        self._cursor.expect(":")

    _elif_ = _while_

    def _else_(self, _token: Token) -> Iterator[Statement]:
        self._cursor.expect(":")
        yield from ()

    _try_ = _finally_ = _else_

    def _for_(self, token: Token) -> Iterator[Statement]:
        target = self._cursor.targets()
        self._cursor.expect("in")
        yield Statement("for", token.at, self._scope, target, self._cursor.expressions())
        self._cursor.expect(":")

    def _with_(self, token: Token) -> Iterator[Statement]:
        cursor = self._cursor
        start = cursor.index
        try:
            yield from self._items(token)
            cursor.expect(":")
        except Refused:
            # `with (a as b, c as d):` in brackets.
            cursor.index = start
            cursor.expect("(")
            yield from self._items(token)
            cursor.expect(")")
            cursor.expect(":")

    def _items(self, token: Token) -> Iterator[Statement]:
        cursor = self._cursor
        while cursor.peek().text not in {":", ")"}:
            value = cursor.expression()
            if cursor.accept("as"):
                yield Statement("assign", token.at, self._scope, [cursor.expression()], value)
            else:
                yield Statement("value", token.at, self._scope, value)
            if not cursor.accept(","):
                return

    def _except_(self, token: Token) -> Iterator[Statement]:
        cursor = self._cursor
        cursor.accept("*")
        if cursor.peek().text != ":":
            yield Statement("value", token.at, self._scope, cursor.expressions())
            if cursor.accept("as"):
                cursor.take()
        cursor.expect(":")

    def _return_(self, token: Token) -> Iterator[Statement]:
        if not self._ended():
            yield Statement("return", token.at, self._scope, self._cursor.expressions())

    def _raise_(self, token: Token) -> Iterator[Statement]:
        while not self._ended():
            yield Statement("value", token.at, self._scope, self._cursor.expressions())
            self._cursor.accept("from")

    _assert_ = _del_ = _raise_

    def _global_(self, _token: Token) -> Iterator[Statement]:
        while not self._ended():
            self._cursor.take()
        yield from ()

    _nonlocal_ = _pass_ = _break_ = _continue_ = _global_

    def _ended(self) -> bool:
        return self._cursor.at_end() or self._cursor.peek().text == ";"


_KEYWORDS = frozenset(
    [
        "import",
        "from",
        "def",
        "class",
        "if",
        "while",
        "elif",
        "else",
        "try",
        "finally",
        "for",
        "with",
        "except",
        "return",
        "raise",
        "assert",
        "del",
        "global",
        "nonlocal",
        "pass",
        "break",
        "continue",
    ]
)
_AUGMENTED = frozenset(["+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="])


def _idle(one: Statement) -> bool:
    """Tell whether a statement is a word, a constant or several of them, as in lists of words and tables of numbers."""
    parts = one.a.a if one.kind == "value" and one.a.kind == "tuple" else [one.a]
    return one.kind == "value" and all(part.kind in {"name", "const"} for part in parts)


def _is_main(test: Node) -> bool:
    """Tell whether a test is `__name__ == "__main__"`: its block runs for a script, never for an import."""
    if test.kind != "chain" or test.b != ["=="]:
        return False
    sides = {(side.kind, side.a) for side in test.a if side.kind in {"name", "const"} and isinstance(side.a, str)}
    return sides == {("name", "__name__"), ("const", "__main__")}
