"""Jinja templates parsed within bounds: nesting is counted on tokens, because Jinja2's parser recurses.

Jinja2 is imported on first use (it is slow to start), and pinned: its grammar decides what a template is.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment, nodes
    from jinja2.lexer import Token

MAX_TEXT = 256 * 1024
MAX_TOKENS = 40_000
MAX_NESTING = 16
MAX_SIGNS = 30
MAX_CHOICES = 60
MAX_BLOCKS = 30
"""Together these keep the parser below half of the smallest recursion limit that an interpreter starts with."""
_LONG_NUMBER = re.compile(r"[0-9_]{300}")
_OPENING = frozenset({"lparen", "lbracket", "lbrace"})
_CLOSING = frozenset({"rparen", "rbracket", "rbrace"})
_SIGNS = frozenset({"sub", "add"})
_BLOCKS = frozenset({"if", "for", "macro", "call", "filter", "with", "block", "autoescape", "generation", "set", "trans"})


class Unparsed(Exception):
    """Text that is not a template, or too deep or too long to be one; `reason` is a word or Jinja2's message."""

    def __init__(self, reason: str, *, deep: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.deep = deep


@cache
def _environment() -> Environment:
    """Return an environment with the extensions that transformers gives to chat templates; nothing is ever rendered."""
    from jinja2 import Environment, nodes  # noqa: PLC0415 slow to import, and not needed for most files
    from jinja2.ext import Extension  # noqa: PLC0415
    from jinja2.parser import Parser  # noqa: PLC0415

    class Generation(Extension):
        """The `generation` block of transformers: marks what the assistant says."""

        tags = {"generation"}  # noqa: RUF012 what Jinja2 declares

        def parse(self, parser: Parser) -> nodes.Node:
            """Return the block's body as a scope."""
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    return Environment(  # noqa: S701 nothing is rendered
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols", "jinja2.ext.do"]
    )


def parse(text: str) -> nodes.Template:
    """Return the syntax tree of a template; raises Unparsed."""
    from jinja2 import TemplateError  # noqa: PLC0415
    from jinja2.lexer import TokenStream  # noqa: PLC0415
    from jinja2.parser import Parser  # noqa: PLC0415

    if len(text) > MAX_TEXT:
        raise Unparsed("too long")
    if _LONG_NUMBER.search(text):
        raise Unparsed("a number of hundreds of digits")
    with warnings.catch_warnings():
        # Odd escapes in strings warn, which must not depend on how the interpreter was started.
        warnings.simplefilter("ignore")
        try:
            tokens = _counted(_environment()._tokenize(text, None))  # noqa: SLF001 the only way to see tokens before the parser
            parser = Parser(_environment(), "")
            parser.stream = TokenStream(iter(tokens), None, None)
            return parser.parse()
        except (TemplateError, ValueError) as error:
            raise Unparsed(str(error)[:120]) from None


def _counted(stream: Iterable[Token]) -> list[Token]:
    """Return the tokens; raises Unparsed if they are too many or nested too deep for a parser that recurses."""
    tokens: list[Token] = []
    nesting = signs = choices = blocks = 0
    previous, setting = "", False
    for token in stream:
        tokens.append(token)
        kind, word = token.type, token.value if token.type == "name" else ""
        if kind in {"variable_begin", "block_begin"}:
            nesting = choices = 0
        nesting += (kind in _OPENING) - (kind in _CLOSING)
        signs = signs + 1 if kind in _SIGNS or word == "not" else 0
        choices += word == "else"
        if previous == "block_begin":
            blocks += (word in _BLOCKS) - (word[:3] == "end")
            setting = word == "set"
        elif setting and kind == "assign" and not nesting:
            # `set x = 1` has no end; only `set x` opens a block.
            blocks, setting = blocks - 1, False
        if nesting > MAX_NESTING or signs > MAX_SIGNS or choices > MAX_CHOICES or blocks > MAX_BLOCKS:
            raise Unparsed("nested too deep", deep=True)
        if len(tokens) > MAX_TOKENS:
            raise Unparsed("too long")
        previous = kind
    return tokens


def fingerprint(template: nodes.Template) -> str:
    """Return sha256 hex of the normalised tree: comments, white space and its control do not count."""
    digest = hashlib.sha256()
    stack: list[Any] = [template]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            digest.update(item.encode("utf-8", "backslashreplace") + b"\0")
        elif isinstance(item, _node_class()):
            stack.append(")")
            stack.extend(reversed(_fields(item)))
            digest.update(b"(" + type(item).__name__.encode() + b"\0")
        elif isinstance(item, list | tuple):
            stack.append("]")
            stack.extend(reversed(item))
            digest.update(b"[\0")
        else:
            digest.update(repr(item).encode() + b"\0")
    return digest.hexdigest()


@cache
def _node_class() -> type[nodes.Node]:
    from jinja2.nodes import Node  # noqa: PLC0415

    return Node


def _fields(node: nodes.Node) -> list[Any]:
    """Return a node's fields; the pieces of an output are joined and their white space is collapsed."""
    from jinja2 import nodes  # noqa: PLC0415

    if not isinstance(node, nodes.Output):
        return [value for _, value in node.iter_fields()]
    joined: list[Any] = []
    text = ""
    for piece in node.nodes:
        if isinstance(piece, nodes.TemplateData):
            text += piece.data
        elif isinstance(piece, nodes.Const) and isinstance(piece.value, str):
            text += piece.value
        else:
            joined += [" ".join(text.split()), piece]
            text = ""
    return [part for part in (*joined, " ".join(text.split())) if part != ""]
