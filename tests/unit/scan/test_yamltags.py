"""Tags that unsafe loaders of YAML call."""

from __future__ import annotations

import pytest

from hanse.scan.yamltags import TAG_TEXT


@pytest.mark.parametrize(
    ("text", "form", "name"),
    [
        ("!!python/object/apply:os.system", "object/apply", ":os.system"),
        ("!!python/tuple", "tuple", None),
        ("!new:a.B", "new", "a.B"),
        ("!apply:os.system", "apply", "os.system"),
    ],
)
def test_what_a_tag_calls(text: str, form: str, name: str | None) -> None:
    """Tags of PyYAML and of HyperPyYAML give their form and what they name."""
    match = TAG_TEXT.fullmatch(text)
    assert match is not None
    assert (match["form"] or match["short"], match["name"] or match["to"]) == (form, name)


def test_other_tags_call_nothing() -> None:
    """The standard tags of YAML are no finding."""
    assert TAG_TEXT.search("!!str a !!map {} !local b") is None
