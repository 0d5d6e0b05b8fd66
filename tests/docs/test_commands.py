"""docs/commands.md has a section for every command, and each section names every flag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from hanse.cli.commands import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0].strip(" `"): part for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]}


def commands(parent: App, prefix: str) -> Iterator[tuple[str, App]]:
    """Yield the full name and the application of every command that can be run."""
    for name in parent:
        if not name.startswith("-"):
            child = parent[name]
            if child.default_command is not None:
                yield f"{prefix} {name}", child
            yield from commands(child, f"{prefix} {name}")


ALL = dict(commands(app, "hanse"))


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_flag_is_documented(name: str) -> None:
    """The section of a command names each of its flags."""
    arguments = ALL[name].assemble_argument_collection(default_parameter=app.default_parameter)
    flags = [flag for argument in arguments for flag in argument.names if flag.startswith("--")]
    assert name in SECTIONS
    assert [flag for flag in flags if f"`{flag}" not in SECTIONS[name]] == []


def test_no_command_is_made_up() -> None:
    """Every section that is named after a command belongs to one that exists."""
    assert {title for title in SECTIONS if title.startswith("hanse ")} - {"hanse admin"} == set(ALL)
