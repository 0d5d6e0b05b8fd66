"""Files stay under 400 lines and functions under 40, docstrings and decorators not counted (STYLE.md rule 2)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("src", "tests", "bench", "demo") for path in (ROOT / folder).rglob("*.py"))
MAX_FILE = 400
MAX_FUNCTION = 40


def own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from `def` to its end, without its docstring."""
    first = node.body[0]
    doc = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        doc = (first.end_lineno or first.lineno) - first.lineno + 1
    return (node.end_lineno or node.lineno) - node.lineno + 1 - doc


def long_functions(source: str) -> list[str]:
    """Return `name (lines)` of every function over the limit."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{node.name} ({own_lines(node)})" for node in functions if own_lines(node) > MAX_FUNCTION]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    """No file over 400 lines and no function over 40 escapes notice."""
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MAX_FILE
    assert long_functions(source) == []


def test_the_rule_can_fail() -> None:
    """A function of 41 lines is reported, one of 40 lines with a docstring of ten is not."""
    doc = '    """' + "x\n" * 9 + '    """\n'
    assert long_functions("def f():\n" + "    x = 1\n" * 40) == ["f (41)"]
    assert long_functions("def f():\n" + doc + "    x = 1\n" * 39) == []
