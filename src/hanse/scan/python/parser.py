"""Expressions of Python as a small tree.

Precedence is kept only where a scan needs it (calls, attributes, subscripts): operands and operators of one level stay a flat
chain. Recursion follows brackets, whose nesting the lexer bounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hanse.scan.budget import OverBudget
from hanse.scan.python.lexer import Token

MAX_DEPTH = 100


class Node(NamedTuple):
    """kind, offset, and children by kind.

    name(id) const(value) fields(parts) attribute(object, name) call(function, [(keyword or "" or "*", node)]) item(object,
    [nodes]) chain([operands], [operators]) list/tuple/set([nodes]) dict([nodes], alternating) each(element, [(targets,
    iterable)], [conditions]) lambda(body) assign(target, value)
    """

    kind: str
    at: int
    a: Any = None
    b: Any = None
    c: Any = None


class Refused(Exception):
    """These tokens are no expression or statement."""


KEYWORDS = frozenset(
    [
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "try",
        "while",
        "with",
        "yield",
    ]
)
_BINARY = frozenset(
    [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "@",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "**",
        "<",
        ">",
        "==",
        "!=",
        "<=",
        ">=",
        "<>",
        "and",
        "or",
        "in",
        "is",
        "if",
        "else",
    ]
)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_CONSTANTS = {"None": None, "True": True, "False": False}
_EMPTY = Token("end", "", 0)


class Cursor:
    """A place in a list of tokens."""

    def __init__(self, tokens: list[Token], depth: int = 0) -> None:
        self.tokens = tokens
        self.index = 0
        self._depth = depth

    def peek(self, ahead: int = 0) -> Token:
        """Return the next token, or one with an empty text."""
        at = self.index + ahead
        return self.tokens[at] if at < len(self.tokens) else _EMPTY

    def at_end(self) -> bool:
        """Tell whether all tokens were taken."""
        return self.index >= len(self.tokens)

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.peek()
        self.index += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Go on if the next token is a name or operator with one of these texts."""
        token = self.peek()
        if token.text in texts and token.kind in {"name", "op"}:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Go on over a token; raises Refused if it is another."""
        if not self.accept(text):
            raise Refused(text)

    def expression(self) -> Node:
        """Return one expression, without commas."""
        start = self.peek().at
        if self._depth > MAX_DEPTH:
            raise OverBudget("depth")
        self._depth += 1
        try:
            operands, operators = [self._operand()], list[str]()
            while operator := self._operator():
                operators.append(operator)
                operands.append(self._operand())
            found = operands[0] if not operators else Node("chain", start, operands, operators)
            if self.accept(":="):
                return Node("assign", start, found, self.expression())
            return found
        finally:
            self._depth -= 1

    def expressions(self) -> Node:
        """Return an expression, or the tuple of several with commas between them."""
        start, items = self.peek().at, [self._starred()]
        comma = False
        while self.accept(","):
            comma = True
            if self.at_end() or self.peek().text in {"=", ":", ")", "]", "}", ";", "in"}:
                break
            items.append(self._starred())
        return Node("tuple", start, items) if comma else items[0]

    def targets(self) -> Node:
        """Return what a `for` assigns to."""
        start, items = self.peek().at, []
        while True:
            self.accept("*")
            items.append(self._primary())
            if not self.accept(",") or self.peek().text == "in":
                return items[0] if len(items) == 1 else Node("tuple", start, items)

    def _starred(self) -> Node:
        self.accept("*")
        return self.expression()

    def _operator(self) -> str:
        token = self.peek()
        if token.kind in {"op", "name"} and token.text in _BINARY:
            self.index += 1
            if token.text == "is":
                self.accept("not")
            return token.text
        if token.text == "not" and self.peek(1).text == "in":
            self.index += 2
            return "in"
        return ""

    def _operand(self) -> Node:
        minus = False
        while (token := self.peek()).text in {"not", "-", "+", "~", "await"} and token.kind in {"name", "op"}:
            minus ^= token.text == "-"
            self.index += 1
        if minus and token.kind == "number" and isinstance(number := _number(token.text), int):
            found = self._primary()
            return Node("const", token.at, -number) if found.kind == "const" else found
        if token.kind == "name" and token.text == "lambda":
            return self._lambda()
        if token.kind == "name" and token.text == "yield":
            self.take()
            self.accept("from")
            ends = self.at_end() or self.peek().text in {")", "]", "}", "=", ";"}
            return Node("const", token.at) if ends else self.expressions()
        return self._primary()

    def _lambda(self) -> Node:
        start = self.take().at
        defaults: list[Node] = []
        while not self.accept(":"):
            if self.accept(",", "*", "**", "/"):
                continue
            if self.take().kind != "name":
                raise Refused("lambda")
            if self.accept("="):
                defaults.append(self.expression())
        return Node("lambda", start, self.expression(), defaults)

    def _primary(self) -> Node:
        found = self._atom()
        while True:
            token = self.peek()
            if token.kind != "op":
                return found
            if token.text == ".":
                self.take()
                name = self.take()
                if name.kind != "name":
                    raise Refused("attribute")
                found = Node("attribute", name.at, found, name.text)
            elif token.text == "(":
                found = Node("call", found.at, found, self.arguments())
            elif token.text == "[":
                found = Node("item", found.at, found, self._subscript())
            else:
                return found

    def _atom(self) -> Node:
        token = self.take()
        if token.kind in {"string", "field"}:
            return self._strings(token)
        if token.kind == "number":
            return Node("const", token.at, _number(token.text))
        if token.kind == "name":
            if token.text in _CONSTANTS:
                return Node("const", token.at, _CONSTANTS[token.text])
            if token.text in KEYWORDS:
                raise Refused(token.text)
            return Node("name", token.at, token.text)
        if token.text == "...":
            return Node("const", token.at)
        if token.text in _CLOSERS:
            return self._bracket(token)
        raise Refused(token.text)

    def _strings(self, token: Token) -> Node:
        """Join neighbouring literals, as the compiler does."""
        parts: list[Any] = []
        while True:
            parts += [self._part(one) for one in token.value] if token.kind == "field" else [token.value]
            if self.peek().kind not in {"string", "field"}:
                break
            token = self.take()
        start = token.at
        if all(isinstance(part, str) for part in parts):
            return Node("const", start, "".join(parts))
        if all(isinstance(part, bytes) for part in parts):
            return Node("const", start, b"".join(parts))
        return Node("fields", start, parts)

    def _part(self, part: str | list[Token]) -> str | Node:
        if isinstance(part, str):
            return part
        inner = Cursor(part, self._depth + 1)
        found = inner.expressions()
        inner.accept("=")
        # What is left is a conversion such as `!r`.
        return found

    def _bracket(self, token: Token) -> Node:
        closer = _CLOSERS[token.text]
        items: list[Node] = []
        pairs = comma = False
        while not self.accept(closer):
            if token.text == "{" and self.accept("**"):
                items += [Node("const", token.at), self.expression()]
                pairs = True
            else:
                items.append(self._starred())
                if token.text == "{" and self.accept(":"):
                    pairs = True
                    items.append(self.expression())
            if self.peek().text in {"for", "async"}:
                return self._each(token.at, items, closer)
            if not self.accept(","):
                self.expect(closer)
                break
            comma = True
        if token.text == "(" and not comma and len(items) == 1:
            return items[0]
        kind = "dict" if pairs else {"(": "tuple", "[": "list", "{": "set"}[token.text]
        return Node(kind, token.at, items)

    def _each(self, start: int, elements: list[Node], closer: str) -> Node:
        clauses: list[tuple[Node, Node]] = []
        conditions: list[Node] = []
        while not self.accept(closer):
            self.accept("async")
            if self.accept("if"):
                conditions.append(self.expression())
                continue
            self.expect("for")
            target = self.targets()
            self.expect("in")
            # `if` separates conditions here, though it is an operator elsewhere.
            clauses.append((target, self._until_if()))
        element = elements[0] if len(elements) == 1 else Node("tuple", start, elements)
        return Node("each", start, element, clauses, conditions)

    def _until_if(self) -> Node:
        start, items = self.peek().at, [self._operand()]
        operators: list[str] = []
        while self.peek().text != "if" and (operator := self._operator()):
            operators.append(operator)
            items.append(self._operand())
        while self.accept(","):
            items.append(self._operand())
        return items[0] if len(items) == 1 else Node("chain", start, items, operators or ["or"] * (len(items) - 1))

    def arguments(self) -> list[tuple[str, Node]]:
        """Return the arguments of a call with their keywords, `*` for starred ones, empty for plain ones."""
        self.expect("(")
        found: list[tuple[str, Node]] = []
        while not self.accept(")"):
            keyword = ""
            if self.accept("*", "**"):
                keyword = "*"
            elif self.peek().kind == "name" and self.peek(1).text == "=":
                keyword = self.take().text
                self.take()
            start = self.peek().at
            value = self.expression()
            if self.peek().text in {"for", "async"}:
                found.append((keyword, self._each(start, [value], ")")))
                break
            found.append((keyword, value))
            if not self.accept(","):
                self.expect(")")
                break
        return found

    def _subscript(self) -> list[Node]:
        self.expect("[")
        found: list[Node] = []
        while not self.accept("]"):
            start = self.peek().at
            if self.accept(":"):
                found.append(Node("colon", start))
            elif not self.accept(","):
                found.append(self._starred())
        return found


def _number(text: str) -> int | None:
    text = text.replace("_", "").lower().rstrip("l")
    if len(text) > 40:
        return None
    try:
        return int(text, 0) if text[:1] != "0" or len(text) == 1 or text[1:2] in "xbo" else int(text, 8)
    except ValueError:
        return None
