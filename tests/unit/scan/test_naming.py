"""Names of members: what is wrong with them, and where links lead."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.facts import Facts
from hanse.scan.formats import Context
from hanse.scan.naming import has_model_name, is_secret_path, is_system_path, label, link_escapes, problem

CONTEXT = Context("weights.pt", Facts("", 0, (), {}), builtin_ruleset())


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a/b.txt", None),
        ("./a/b..c", None),
        ("a..", None),
        ("../a", "escapes"),
        ("a/../../b", "escapes"),
        ("..\\a", "escapes"),
        ("/../a", "escapes"),
        ("/a", "absolute"),
        ("\\a", "absolute"),
        ("C:/a", "absolute"),
        ("c:a", "absolute"),
        ("a/../b", "dots"),
        ("a\\b", "backslash"),
        ("a\nb", "control"),
    ],
)
def test_problem(name: str, wrong: str | None) -> None:
    """Every way out of the folder has its word, and ordinary names with dots have none."""
    assert problem(name) == wrong


def test_links_count_from_their_folder() -> None:
    """A relative target is followed from where the link is."""
    assert not link_escapes("a/b/link", "../../c")
    assert link_escapes("a/link", "../../c")
    assert link_escapes("a/link", "/c")
    assert not link_escapes("link", "c")


def test_places_on_the_machine() -> None:
    """System folders and the files in which keys are kept are told from folders of data."""
    assert is_system_path("/etc/passwd", CONTEXT)
    assert is_system_path("C:\\Windows\\System32", CONTEXT)
    assert is_secret_path("/home/a/.ssh/id", CONTEXT)
    assert not is_system_path("/data/model.bin", CONTEXT)
    assert not is_secret_path("/usr/bin/python3", CONTEXT)


def test_long_names_keep_both_ends() -> None:
    """A name of a megabyte does not become part of every view, its ending does."""
    assert label("a" * 10_000 + ".pkl").endswith(".pkl")
    assert len(label("a" * 10_000)) < 600


def test_names_of_models() -> None:
    """The ending decides whether loaders of models open a file."""
    assert has_model_name(CONTEXT)
    assert not has_model_name(Context("a.txt", CONTEXT.facts, CONTEXT.rules))
