"""Names and contents must agree."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.facts import Facts, View
from hanse.scan.verdict import judge


def rules_for(path: str, *formats: str) -> set[str]:
    """Return the rules that apply to a file of that name whose content was read as these formats."""
    views = (View("file", "", 9, False, ()), *(View(name, "", 9, True, ()) for name in formats))
    return {finding.rule for finding in judge(Facts("s", 9, views, {}), path, builtin_ruleset()).findings}


@pytest.mark.parametrize(
    ("path", "formats", "rule"),
    [
        ("config.json", ("pickle",), "ROUTE-ACTIVE-AS-TEXT"),
        ("a/b/README.md", ("zip",), "ROUTE-ACTIVE-AS-TEXT"),
        ("model.safetensors", ("pickle",), "ROUTE-OTHER-CONTENT"),
        ("model.SAFETENSORS", ("text", "json"), "ROUTE-TEXT-AS-MODEL"),
        ("model.gguf", (), "ROUTE-NOT-AS-NAMED"),
        ("weights.pt", (), "ROUTE-UNUSUAL-CONTENT"),
        ("weights.pt", ("text",), "ROUTE-TEXT-AS-MODEL"),
        ("model.gguf", ("gguf", "zip"), "ROUTE-POLYGLOT"),
        ("something", (), "FILE-UNKNOWN-FORMAT"),
    ],
)
def test_disagreements(path: str, formats: tuple[str, ...], rule: str) -> None:
    """Each kind of disagreement has its rule."""
    assert rule in rules_for(path, *formats)


@pytest.mark.parametrize(
    ("path", "formats"),
    [
        ("config.json", ("json", "text")),
        ("model.safetensors", ("safetensors",)),
        ("weights.pt", ("zip", "torch")),
        ("weights.pt", ("pickle", "torch")),
        ("model.joblib", ("compressed",)),
        ("notes", ("text",)),
    ],
)
def test_agreements(path: str, formats: tuple[str, ...]) -> None:
    """Names that fit their content have no finding."""
    assert rules_for(path, *formats) == set()
