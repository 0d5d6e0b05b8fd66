"""Every runtime dependency is used, and nothing is used that is not declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {"httptools", "psycopg"}
"""Never imported by our code: uvicorn and SQLAlchemy load them by the name in our configuration."""

LATER = {"compression"}
"""In the standard library of a later version of Python; what stands for them before is declared."""


owned = cache(packages_distributions)


def normal(name: str) -> str:
    """Return a distribution's normalised name."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def imported() -> set[str]:
    """Return the top-level names of everything that `src` imports."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - LATER - {"hanse"}


def declared() -> set[str]:
    """Return the distributions that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {normal(re.split(r"[\[<>=~ ]", line)[0]) for line in project["dependencies"]}


def extras() -> set[str]:
    """Return the distributions that extras bring, which may not be installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {normal(re.split(r"[\[<>=~ ]", line)[0]) for lines in project["optional-dependencies"].values() for line in lines}


def test_what_is_imported_is_declared() -> None:
    """An import that only works because something else brings it along breaks with the next release of that thing."""
    owners = owned()
    used = {normal(owners.get(name, [name])[0]) for name in imported()}
    assert used - declared() - extras() == set()


def test_what_is_declared_is_imported() -> None:
    """A dependency that nobody uses is only a risk."""
    owners = owned()
    used = {normal(owners.get(name, [name])[0]) for name in imported()}
    assert declared() - used - BY_NAME == set()
