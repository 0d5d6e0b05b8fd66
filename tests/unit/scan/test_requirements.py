"""Lists of packages."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.dispatch import extract
from hanse.scan.requirements import mistaken
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


def found(text: str, path: str = "requirements.txt") -> set[str]:
    """Return the rules that apply."""
    judged = judge(extract(BytesSource(text.encode())), path, builtin_ruleset())
    return {one.rule for one in judged.findings}


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("torch==2.1\nnumpy>=1.20,<2\ntransformers[torch]\n# a comment\naccelerate\n", set()),
        ("--extra-index-url https://download.pytorch.org/whl/cu121\ntorch\n", set()),
        ("--extra-index-url http://127.0.0.1:9/simple\ntorch\n", {"REQUIREMENTS-INDEX"}),
        ("git+https://github.com/a/b.git@main\n", {"REQUIREMENTS-KNOWN-ADDRESS"}),
        ("x @ http://127.0.0.1:9/x.whl\n", {"REQUIREMENTS-ADDRESS"}),
        ("numpyy\n", {"REQUIREMENTS-NAME"}),
        ("dependencies:\n  - python=3.10\n  - pip:\n    - trasnformers\n", {"REQUIREMENTS-NAME"}),
    ],
)
def test_requirements(text: str, rules: set[str]) -> None:
    """Ordinary lists say nothing; addresses, foreign indexes and near names do."""
    assert found(text, "environment.yml" if text.startswith("dep") else "requirements.txt") == rules


def test_name_decides() -> None:
    """No installer reads a vocabulary."""
    assert found("numpyy\ntorchh\n", "vocab.txt") == set()


@pytest.mark.parametrize("name", ["torch", "numpy", "requests", "torchmetrics", "scikit-image", "dataset"])
def test_known_names(name: str) -> None:
    """A package of its own is not mistaken for a neighbour."""
    assert mistaken(name, builtin_ruleset()) is None
