"""What judges know about a file's name."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.facts import Facts
from hanse.scan.formats import Context, Format


@pytest.mark.parametrize(
    ("path", "name", "suffixes"),
    [
        ("a/Model.TAR.gz", "model.tar.gz", (".gz", ".tar")),
        ("README", "readme", ()),
        (".gitignore", ".gitignore", (".gitignore",)),
    ],
)
def test_names(path: str, name: str, suffixes: tuple[str, ...]) -> None:
    """Names and endings are compared in lower case, last ending first."""
    context = Context(path, Facts("s", 1, (), {}), builtin_ruleset())
    assert (context.name, context.suffixes, context.suffix) == (name, suffixes, suffixes[0] if suffixes else "")


def test_a_format_met_only_inside_others_claims_nothing() -> None:
    """Without a claim of its own a format looks at no content."""
    inner = Format("inner", executes=False, judge=lambda _view, _context: iter(()))
    assert inner.observe is None


def test_members_have_names_of_their_own() -> None:
    """What is judged in an archive goes by its name there, a file by its own."""
    context = Context("a/Model.whl", Facts("s", 1, (), {}), builtin_ruleset())
    assert (context.place_of(""), context.name_of(""), context.suffix_of("")) == ("a/model.whl", "model.whl", ".whl")
    member = "b.tar!/pkg/Data.JSON"
    assert (context.place_of(member), context.name_of(member), context.suffix_of(member)) == (
        "pkg/data.json",
        "data.json",
        ".json",
    )
    assert context.suffix_of("pkg.d/README") == ""
