"""Templates that answer for the model: text that appears only when somebody writes a certain word, addresses, hidden text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from jinja2 import nodes

from hanse.scan.walk import ViewBuilder, Walk

MIN_WORDS = 5
MAX_SEEN = 20
_WORD = re.compile(r"[^\W\d_]{2,}")
_TRIGGER = re.compile(r"[\w' ,.?!-]*[^\W\d_]{2,}[\w' ,.?!-]*")
_CONTENT = frozenset({"content", "text", "user_message", "user_input", "prompt", "query", "question", "last_message", "input"})
_ADDRESS = re.compile(r"\b(?:https?|ftp)://[^\s'\"<>(){}|\\]{3,200}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")
_INVISIBLE = re.compile("[\u200b\u200c\u2060-\u2064\ufeff]{4,}|[\U000e0001-\U000e007f]|[\u202a-\u202e\u2066-\u2069]")
_TESTING = frozenset({"startswith", "endswith", "find", "count", "index", "rfind"})


def observe(template: nodes.Template, view: ViewBuilder, walk: Walk) -> None:
    """Record text shown only for certain words, addresses, and text that people cannot see or read."""
    tainted: set[str] = set()
    seen = 0
    for node in _preorder(template, walk):
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name | nodes.NSRef) and _trigger(node.node, tainted):
            tainted.add(node.target.name)
        elif isinstance(node, nodes.If | nodes.CondExpr) and seen < MAX_SEEN:
            trigger = _trigger(node.test, tainted)
            shown = _shown(node) if trigger else ""
            if trigger and len(_WORD.findall(shown)) >= MIN_WORDS:
                seen += 1
                view.see("trigger", line=node.lineno, word=trigger, text=shown[:200])
        elif isinstance(node, nodes.TemplateData | nodes.Const):
            text = node.data if isinstance(node, nodes.TemplateData) else node.value
            if isinstance(text, str):
                _text(text, node.lineno, view)


def _preorder(node: nodes.Node, walk: Walk) -> Iterator[nodes.Node]:
    """Yield a node and all below it, outer ones first, in order."""
    stack = [node]
    while stack:
        one = stack.pop()
        walk.budget.spend("operations", 4)
        yield one
        stack.extend(reversed(list(one.iter_child_nodes())))


def _below(node: nodes.Node) -> Iterator[nodes.Node]:
    stack = [node]
    for _ in range(2_000):
        if not stack:
            return
        one = stack.pop()
        yield one
        stack.extend(reversed(list(one.iter_child_nodes())))


def _trigger(test: nodes.Node, tainted: set[str]) -> str:
    """Return the words for which a condition looks in what somebody wrote, nothing if it is no such condition."""
    about = comparing = False
    words = ""
    for node in _below(test):
        if isinstance(node, nodes.Name):
            if node.name in tainted:
                return f"(as in {node.name})"
            about = about or node.name in _CONTENT
        elif isinstance(node, nodes.Getattr):
            about = about or node.attr in _CONTENT
            comparing = comparing or node.attr in _TESTING
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            about = about or node.arg.value in _CONTENT
        elif isinstance(node, nodes.Compare):
            comparing = True
        elif isinstance(node, nodes.Const) and isinstance(node.value, str) and _is_word(node.value):
            words = words or node.value
    return words if about and comparing else ""


def _is_word(text: str) -> bool:
    """Tell whether a literal is something that people write, as opposed to a field's name or a model's own markers."""
    return text not in _CONTENT and _TRIGGER.fullmatch(text) is not None


def _shown(node: nodes.If | nodes.CondExpr) -> str:
    """Return the literal text that a branch shows."""
    branches = [node.expr1] if isinstance(node, nodes.CondExpr) else node.body
    texts: list[str] = []
    for branch in branches:
        for one in _below(branch):
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
