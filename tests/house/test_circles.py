"""Imports between files go one way, so that each file can be read, tested and moved without all the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
FILES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
"""Where statements have statements within."""


def _runs(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run, also those within functions; not those that only type checkers see."""
    if isinstance(tree, ast.Import | ast.ImportFrom):
        yield tree
        return
    typing = isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING"
    for block in ("orelse",) if typing else _BLOCKS:
        for one in getattr(tree, block, ()):
            yield from _runs(one)


def _imported(name: str, text: str) -> set[str]:
    """Return the files of the source tree that a file imports."""
    named: set[str] = set()
    for node in _runs(ast.parse(text)):
        if isinstance(node, ast.Import):
            named |= {one.name for one in node.names}
        else:
            named |= {part for one in node.names for part in (node.module or "", f"{node.module}.{one.name}")}
    return {one for one in named if one in FILES and one != name}


def circle(texts: dict[str, str]) -> list[str]:
    """Return the files of a circle of imports, none if there is none."""
    try:
        TopologicalSorter({name: _imported(name, text) for name, text in texts.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_go_one_way() -> None:
    """No two files of the source import each other, directly or through others, when they run."""
    assert circle({name: path.read_text() for name, path in FILES.items()}) == []


def test_a_circle_is_found() -> None:
    """Imports within functions count as others do; those for type checkers do not, for they never run."""
    first, second, third = "hanse.errors", "hanse.flows.node", "hanse.app"
    late = "def late():\n    from hanse.flows import node\n"
    only_types = f"if TYPE_CHECKING:\n    import {first}\n"
    assert circle({first: late, second: f"import {third}", third: only_types}) == []
    assert set(circle({first: late, second: f"import {third}", third: f"import {first}"})) == {first, second, third}
