"""Templates that answer for the model: text that appears only when somebody writes a certain word, addresses, hidden text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from jinja2 import nodes

from hanse.scan.walk import ViewBuilder, Walk

MIN_WORDS = 5
MAX_SEEN = 20
MAX_BELOW = 2_000
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKERS = re.compile(r"<[^<>]{0,80}>|\[[^\[\]]{0,40}\]")
_TRIGGER = re.compile(r"[\w' ,.?!-]*[^\W\d_]{2,}[\w' ,.?!-]*")
_CONTENT = frozenset({"content", "text", "user_message", "user_input", "prompt", "query", "question", "last_message", "input"})
_TOOL_ROLES = frozenset({"tool", "function", "ipython", "tool_response", "observation"})
_ADDRESS = re.compile(r"\b(?:https?|ftp)://[^\s'\"<>(){}|\\]{3,200}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")
_INVISIBLE = re.compile("[\u200b\u200c\u2060-\u2064\ufeff]{4,}|[\U000e0001-\U000e007f]|[\u202a-\u202e\u2066-\u2069]")


def observe(template: nodes.Template, view: ViewBuilder, walk: Walk) -> None:
    """Record text shown only for certain words, addresses, and text that people cannot see or read."""
    triggers = _Triggers()
    answers: set[int] = set()
    seen = 0
    for node in _preorder(template, walk):
        triggers.learn(node)
        if isinstance(node, nodes.If) and _of_tools(node.test):
            answers |= {id(one) for branch in node.body for one in _below(branch)}
        if isinstance(node, nodes.If | nodes.CondExpr) and seen < MAX_SEEN:
            word = triggers.word(node.test)
            shown = _shown(node) if word else ""
            if word and len(_WORD.findall(_MARKERS.sub(" ", shown))) >= MIN_WORDS:
                seen += 1
                where = "answer of a tool" if id(node) in answers else "message"
                view.see("trigger", line=node.lineno, word=word, text=shown[:200], where=where)
        elif isinstance(node, nodes.TemplateData | nodes.Const):
            text = node.data if isinstance(node, nodes.TemplateData) else node.value
            if isinstance(text, str):
                _text(text, node.lineno, view)


def _of_tools(test: nodes.Node) -> bool:
    """Tell whether a condition picks messages in which a tool answers, which no user writes."""
    return any(isinstance(node, nodes.Const) and node.value in _TOOL_ROLES for node in _below(test))


def _preorder(node: nodes.Node, walk: Walk) -> Iterator[nodes.Node]:
    """Yield a node and all below it, outer ones first, in order."""
    stack = [node]
    while stack:
        one = stack.pop()
        walk.budget.spend("operations", 4)
        yield one
        stack.extend(reversed(list(one.iter_child_nodes())))


def _below(node: nodes.Node, *, skip: str = "") -> Iterator[nodes.Node]:
    """Yield a node and some of those below it, without calls of the function `skip`."""
    stack = [node]
    for _ in range(MAX_BELOW):
        if not stack:
            return
        one = stack.pop()
        if skip and isinstance(one, nodes.Call) and isinstance(one.node, nodes.Name) and one.node.name == skip:
            continue
        yield one
        stack.extend(reversed(list(one.iter_child_nodes())))


class _Triggers:
    """Which conditions look for words in what somebody wrote; learns from assignments and loops on the way."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._tested: dict[str, str] = {}
        self._written: set[str] = set()
        self._items: set[str] = set()

    def learn(self, node: nodes.Node) -> None:
        """Follow words, messages and answers of tests into the names they are bound to."""
        if isinstance(node, nodes.For) and isinstance(node.target, nodes.Name):
            words = self._literals(node.iter)
            if words:
                self._words[node.target.name] = words
            else:
                self._items.add(node.target.name)
        elif isinstance(node, nodes.Assign):
            self._assign(node)
        elif isinstance(node, nodes.If):
            word = self.word(node.test)
            for one in node.body if word else ():
                if isinstance(one, nodes.Assign):
                    self._tested[_name(one.target)] = word

    def _assign(self, node: nodes.Assign) -> None:
        name = _name(node.target)
        word = self.word(node.node)
        if word:
            self._tested[name] = word
        elif self._is_written(node.node):
            self._written.add(name)
        elif words := self._literals(node.node):
            self._words[name] = words

    def word(self, test: nodes.Node) -> str:
        """Return the word for which a condition looks in a message, nothing if it is no such condition."""
        for node in _below(test):
            found = ""
            if isinstance(node, nodes.Compare):
                found = self._compared([node.expr, *(one.expr for one in node.ops)])
            elif isinstance(node, nodes.Test):
                found = self._compared([node.node, *node.args])
            elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
                found = self._compared([node.node.node, *node.args]) if node.node.attr in _TESTING else ""
            elif isinstance(node, nodes.Name | nodes.Getattr):
                found = self._tested.get(_name(node), "")
            if found:
                return found
        return ""

    def _compared(self, sides: list[nodes.Expr]) -> str:
        if not any(self._is_written(side) for side in sides):
            return ""
        return next((words for words in map(self._literals, sides) if words), "")

    def _is_written(self, node: nodes.Node) -> bool:
        """Tell whether an expression is the text of a message, maybe changed in case or cut."""
        for _ in range(50):
            if isinstance(node, nodes.Filter) and node.node is not None and node.name not in _AWAY:
                node = node.node
            elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr not in _AWAY:
                node = node.node.node
            elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
                node = node.node
            else:
                break
        if isinstance(node, nodes.Getitem):
            return isinstance(node.arg, nodes.Const) and node.arg.value in _CONTENT
        name = _name(node)
        if isinstance(node, nodes.Name):
            return name in self._written or (name in _CONTENT and name not in self._items)
        return isinstance(node, nodes.Getattr) and (node.attr in _CONTENT or name in self._written)

    def _literals(self, node: nodes.Node) -> str:
        """Return the first word that an expression holds literally."""
        items = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
        for one in items[:200]:
            if isinstance(one, nodes.Const) and isinstance(one.value, str) and _TRIGGER.fullmatch(one.value):
                return one.value[:100]
            if isinstance(one, nodes.Name | nodes.Getattr) and _name(one) in self._words:
                return self._words[_name(one)]
        return ""


_TESTING = frozenset({"startswith", "endswith", "find", "count", "index", "rfind", "__contains__"})
_AWAY = frozenset({"length", "count", "get", "items", "keys", "tojson", "map", "selectattr", "format", "join", "split"})
"""What makes something else of a text: its length, its fields."""


def _name(node: nodes.Node) -> str:
    """Return the name that an expression or target is, `space.name` for attributes of a namespace."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def _shown(node: nodes.If | nodes.CondExpr) -> str:
    """Return the literal text that a branch shows; error messages do not count."""
    branches = [node.expr1] if isinstance(node, nodes.CondExpr) else node.body
    texts: list[str] = []
    for branch in branches:
        for one in _below(branch, skip="raise_exception"):
            if isinstance(one, nodes.TemplateData):
                texts.append(one.data)
            elif isinstance(one, nodes.Const) and isinstance(one.value, str):
                texts.append(one.value)
    return " ".join(" ".join(texts).split())[:2000]


def _text(text: str, line: int, view: ViewBuilder) -> None:
    for match in _ADDRESS.finditer(text):
        view.see("address", line=line, address=match[0])
    if hidden := _INVISIBLE.search(text):
        view.see("invisible", line=line, character=f"U+{ord(hidden[0][0]):04X}")
    for match in _BASE64.finditer(text):
        if said := _decoded(match[0]):
            view.see("encoded", line=line, text=said)


def _decoded(text: str) -> str:
    """Return the words that base64 text hides, nothing if it hides none."""
    try:
        data = binascii.a2b_base64(text[: len(text) - len(text) % 4])
    except binascii.Error:
        return ""
    said = data.decode("ascii", "replace")
    printable = sum(" " <= character <= "~" or character in "\r\n\t" for character in said)
    return said[:100] if printable > 0.95 * len(said) and len(_WORD.findall(said)) >= 3 else ""
