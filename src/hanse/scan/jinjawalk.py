"""What a template does: names, attributes and filters it reaches for, with constants folded and short loops unrolled.

The tree is walked without recursion, in the order in which the template would run; both branches of a condition are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

from hanse.scan import jinjafold as fold
from hanse.scan.jinjafold import Value, combine, union
from hanse.scan.walk import ViewBuilder, Walk

MAX_UNROLLED = 64
MAX_UNROLLED_VISITS = 20_000
"""Loops over constants are walked item by item until so many nodes were visited, then once for all."""
_HIDDEN = re.compile(r"_")
_DUNDER = re.compile(r"(?:^|[.\s\[\]'\"(|])(__[a-zA-Z]\w*__|_[A-Z]\w*__\w+)(?=$|[.\s\[\]'\")|(])")
_REACHING = re.compile(r"\{[^{}]{0,40}[.\[][^{}]*_[^{}]*\}")
_LOADS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_BINARY: dict[type[nodes.Node], Callable[[Any, Any], Any]] = {
    nodes.Add: fold.add,
    nodes.Mul: fold.multiply,
    nodes.Mod: fold.percent,
}


class TemplateWalk:
    """One walk through a template; what it finds is written into the view."""

    def __init__(self, view: ViewBuilder, walk: Walk) -> None:
        self._view = view
        self._walk = walk
        self._values: dict[int, Value] = {}
        self._bound: dict[str, Value] = {}
        self._branches = self._visits = 0
        self._seen: set[tuple[str, ...]] = set()
        self.names: dict[str, set[str]] = {"name": set(), "attribute": set(), "filter": set(), "call": set()}

    def run(self, template: nodes.Template) -> None:
        """Walk the whole template; raises OverBudget."""
        stack: list[Iterator[nodes.Node]] = [self._steps(template)]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                continue
            self._visits += 1
            self._walk.budget.spend("operations", 20)
            stack.append(self._steps(node))

    def _steps(self, node: nodes.Node) -> Iterator[nodes.Node]:
        """Yield children to enter, in the order of execution."""
        if isinstance(node, nodes.For):
            yield from self._loop(node)
        elif isinstance(node, nodes.If):
            yield node.test
            self._branches += 1
            yield from (*node.body, *node.elif_, *node.else_)
            self._branches -= 1
        elif isinstance(node, nodes.Assign):
            yield node.node
            self._bind(node.target, self.value(node.node))
            self._space(node)
        elif isinstance(node, nodes.AssignBlock):
            yield from (*([node.filter] if node.filter else ()), *node.body)
            self._bind(node.target, self._body(node.body) if node.filter is None else None)
        elif isinstance(node, nodes.With):
            yield from node.values
            for target, value in zip(node.targets, node.values, strict=False):
                self._bind(target, self.value(value))
            yield from node.body
        elif isinstance(node, nodes.Macro | nodes.CallBlock):
            yield from self._macro(node)
        else:
            yield from node.iter_child_nodes()
            self._finish(node)

    def _macro(self, node: nodes.Macro | nodes.CallBlock) -> Iterator[nodes.Node]:
        yield from node.defaults
        for argument in node.args:
            self._bound[argument.name] = None
        if isinstance(node, nodes.CallBlock):
            yield node.call
        yield from node.body
        if isinstance(node, nodes.Macro):
            self._bound[f"{node.name}()"] = self._body(node.body)

    def _loop(self, node: nodes.For) -> Iterator[nodes.Node]:
        """Walk a loop: once for each item of a short constant list, else once for all."""
        yield node.iter
        items = self.value(node.iter)
        whole = items[0] if items is not None and len(items) == 1 and isinstance(items[0], str | tuple) else ()
        rest = (*([node.test] if node.test else ()), *node.body)
        each = bool(whole) and len(whole) <= MAX_UNROLLED
        for item in whole if each else (None,):
            self._bind(node.target, (item,) if each else None)
            yield from rest
            if self._visits > MAX_UNROLLED_VISITS:
                break
        yield from node.else_

    def _bind(self, target: nodes.Node, value: Value) -> None:
        if isinstance(target, nodes.Name):
            self._set(target.name, value)
        elif isinstance(target, nodes.NSRef):
            self._set(f"{target.name}.{target.attr}", value)
        elif isinstance(target, nodes.Tuple):
            for at, item in enumerate(target.items):
                self._bind(item, combine(lambda whole, at=at: whole[at], value))

    def _space(self, node: nodes.Assign) -> None:
        """Bind what a new namespace begins with."""
        made, target = node.node, node.target
        if not isinstance(made, nodes.Call) or not isinstance(target, nodes.Name):
            return
        if isinstance(made.node, nodes.Name) and made.node.name == "namespace":
            for pair in made.kwargs:
                self._set(f"{target.name}.{pair.key}", self.value(pair.value))

    def _set(self, name: str, value: Value) -> None:
        """Bind a name; inside a branch its older value stays possible."""
        if self._branches and name in self._bound:
            value = union(self._bound[name], value)
        self._bound[name] = value

    def _body(self, body: list[nodes.Node]) -> Value:
        """Return what a block of outputs renders, if it is constant."""
        parts = [piece for node in body for piece in (node.nodes if isinstance(node, nodes.Output) else [node])]
        return combine(lambda *texts: "".join(map(str, texts)), *map(self.value, parts))

    def value(self, node: nodes.Node | None) -> Value:
        """Return what an expression can be, as far as it was walked."""
        if node is None:
            return (None,)
        if isinstance(node, nodes.Const):
            return (node.value,)
        if isinstance(node, nodes.TemplateData):
            return (node.data,)
        return self._values.get(id(node))

    def _finish(self, node: nodes.Node) -> None:
        """Fold a node whose children are done, and look at what it reaches for."""
        if isinstance(node, nodes.Expr):
            value = self._fold(node)
            self._values[id(node)] = value
            if value is not None and not isinstance(node, nodes.Name | nodes.List | nodes.Tuple):
                self._built(node, value)
        if isinstance(node, nodes.Name):
            self._name(node)
        elif isinstance(node, nodes.Getattr):
            self._access(node, "attribute", (node.attr,))
        elif isinstance(node, nodes.Getitem):
            self._item(node)
        elif isinstance(node, nodes.Filter | nodes.Test | nodes.Call):
            self._call(node)
        elif isinstance(node, _LOADS):
            what = self.value(node.template)
            self._see("loads", node, how=type(node).__name__.lower(), name="" if what is None else str(what[0]))

    def _fold(self, node: nodes.Expr) -> Value:
        value = self.value
        if isinstance(node, nodes.Name):
            return self._bound.get(node.name)
        if isinstance(node, nodes.List | nodes.Tuple):
            return combine(lambda *items: items, *map(value, node.items)) if len(node.items) <= fold.MAX_ITEMS else None
        if isinstance(node, nodes.Dict):
            return combine(lambda *keys: keys, *(value(pair.key) for pair in node.items[: fold.MAX_ITEMS]))
        if isinstance(node, nodes.Concat):
            return combine(lambda *parts: "".join(map(str, parts)), *map(value, node.nodes))
        if type(node) in _BINARY:
            return combine(_BINARY[type(node)], value(node.left), value(node.right))  # type: ignore[attr-defined]
        if isinstance(node, nodes.Neg):
            return combine(lambda number: -number, value(node.node))
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And):
            either = (node.expr1, node.expr2) if isinstance(node, nodes.CondExpr) else (node.left, node.right)
            return union(*map(value, either))
        return self._fold_access(node)

    def _fold_access(self, node: nodes.Expr) -> Value:
        if isinstance(node, nodes.Getitem):
            return self._fold_item(node)
        if isinstance(node, nodes.Getattr):
            return self._bound.get(f"{node.node.name}.{node.attr}") if isinstance(node.node, nodes.Name) else None
        return self._fold_call(node)

    def _fold_item(self, node: nodes.Getitem) -> Value:
        if isinstance(node.arg, nodes.Slice):
            ends = (node.arg.start, node.arg.stop, node.arg.step)
            return combine(fold.sliced, self.value(node.node), *map(self.value, ends))
        return combine(fold.subscript, self.value(node.node), self.value(node.arg))

    def _fold_call(self, node: nodes.Expr) -> Value:
        if not isinstance(node, nodes.Filter | nodes.Call):
            return None
        arguments = [self.value(one) for one in node.args]
        if isinstance(node, nodes.Filter):
            known = fold.FILTERS.get(node.name)
            arguments += [self.value(pair.value) for pair in node.kwargs]
            return combine(known, self.value(node.node), *arguments) if known and node.node is not None else None
        if isinstance(node.node, nodes.Getattr) and node.node.attr in fold.METHODS:
            return combine(fold.METHODS[node.node.attr], self.value(node.node.node), *arguments)
        if isinstance(node.node, nodes.Name) and node.node.name == "dict":
            return (tuple(pair.key for pair in node.kwargs[: fold.MAX_ITEMS]),)
        if isinstance(node.node, nodes.Name) and node.node.name in fold.FUNCTIONS:
            return combine(fold.FUNCTIONS[node.node.name], *arguments)
        return self._bound.get(f"{node.node.name}()") if isinstance(node.node, nodes.Name) else None

    def _name(self, node: nodes.Name) -> None:
        self.names["name"].add(node.name)
        if node.name.startswith("__"):
            self._see("access", node, name=node.name, how="name")

    def _access(self, node: nodes.Node, how: str, value: Value, *, of: str = "") -> None:
        """Record names that begin with an underscore, and every other attribute as used."""
        for name in value or ():
            if isinstance(name, str) and _HIDDEN.match(name):
                self._see("access", node, name=name, how=how, of=of)
            elif isinstance(name, str) and how != "item":
                self.names["attribute"].add(name[:100])

    def _item(self, node: nodes.Getitem) -> None:
        value = self.value(node.arg)
        if value is None and isinstance(node.arg, nodes.Concat | nodes.Filter | nodes.Call | nodes.Mod) and _textual(node.arg):
            self._see("computed", node, how="item")
        self._access(node, "item", value)

    def _call(self, node: nodes.Filter | nodes.Test | nodes.Call) -> None:
        of = _callee(node)
        self.names["call" if isinstance(node, nodes.Call) else "filter"].add(of)
        arguments = [*node.args, *(pair.value for pair in node.kwargs)]
        if of == "attr" and isinstance(node, nodes.Filter):
            value = self.value(node.args[0]) if node.args else None
            if value is None:
                self._see("computed", node, how="attr")
            self._see("attr", node)
            self._access(node, "attr", value)
        for one in (self.value(argument) for argument in arguments):
            for text in _texts(one):
                for match in _DUNDER.finditer(text[: fold.MAX_STRING]):
                    self._see("access", node, name=match[1], how="argument", of=of)
        for text in _texts(self.value(node.node)) if isinstance(node, nodes.Filter) else ():
            if _DUNDER.fullmatch(text):
                self._see("access", node, name=text, how="argument", of=of)
        if of in {"format", "format_map"}:
            self._format(node)

    def _format(self, node: nodes.Filter | nodes.Test | nodes.Call) -> None:
        """Record a format string that reaches into what fills it."""
        inner = node.node.node if isinstance(node.node, nodes.Getattr) else node.node
        for text in _texts(self.value(inner)):
            if _REACHING.search(text):
                self._see("format", node, text=text[:120])

    def _built(self, node: nodes.Expr, value: Value) -> None:
        """Record a hidden name that is put together from pieces: nobody does that to show it."""
        if isinstance(node, nodes.Const | nodes.TemplateData | nodes.Getattr):
            return
        for text in _texts(value):
            if _DUNDER.fullmatch(text):
                self._see("access", node, name=text, how="built")

    def _see(self, kind: str, node: nodes.Node, **data: str) -> None:
        """Record something once, with its line."""
        key = (kind, *data.values())
        if key not in self._seen and len(self._seen) < 300:
            self._seen.add(key)
            self._view.see(kind, None, line=node.lineno, **data)


def _texts(value: Value) -> Iterator[str]:
    """Yield the texts among choices, and those in lists of them."""
    for one in value or ():
        if isinstance(one, str):
            yield one
        elif isinstance(one, tuple):
            yield from (item for item in one if isinstance(item, str))


def _textual(node: nodes.Node) -> bool:
    """Tell whether an expression makes text, not a number to count with."""
    if isinstance(node, nodes.Filter):
        return node.name in {"join", "format", "replace", "lower", "upper", "string", "trim", "reverse"}
    return isinstance(node, nodes.Concat) or (isinstance(node, nodes.Call) and _callee(node) in fold.METHODS)


def _callee(node: nodes.Filter | nodes.Test | nodes.Call) -> str:
    if not isinstance(node, nodes.Call):
        return node.name
    if isinstance(node.node, nodes.Getattr):
        return node.node.attr[:100]
    return node.node.name[:100] if isinstance(node.node, nodes.Name) else ""
