"""Rules say how many copies there shall be; what is no rule is refused with what was expected."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.policy.copies import DEFAULT_COPIES, Copies, Subject, matches, parse_copies

REPO = RepoId(Origin("a.example"), RepoType.MODEL, "Uni-A", "Model")
DATA = RepoId(Origin("a.example"), RepoType.DATASET, "uni-a", "text")
RULES = """
copies = 2

[[rule]]
repo = "uni-a/secret-*"
copies = 1

[[rule]]
over = 1000
under = 2000
licence = "apache-*"
copies = 5

[[rule]]
pinned = true
copies = 7

[[rule]]
repo = "datasets/*"
copies = 4
"""


def test_the_first_rule_that_fits_decides() -> None:
    """Name, size, licence and pin are looked at, in the order of the file, and the default is for what no rule fits."""
    rules = parse_copies(RULES)
    assert rules.target(Subject(RepoId(REPO.origin, REPO.type, "uni-a", "secret-x"), 1500, "apache-2.0")) == 1
    assert rules.target(Subject(REPO, 1500, "Apache-2.0")) == 5
    assert [rules.target(Subject(REPO, size, "apache-2.0")) for size in (1000, 1001, 1999, 2000)] == [2, 5, 5, 2]
    assert rules.target(Subject(REPO, 1500, "mit")) == 2
    assert rules.target(Subject(REPO, 5000, "mit", pinned=True)) == 7
    assert rules.target(Subject(DATA, 1, "")) == 4
    assert parse_copies("") == Copies(DEFAULT_COPIES)


def test_what_is_not_known_counts_as_the_most() -> None:
    """Before size and licence are known nobody stays away who may have to hold it."""
    rules = parse_copies(RULES)
    assert [rules.target(Subject(REPO)), rules.target(Subject(REPO, 1500)), rules.target(Subject(REPO, 1))] == [5, 5, 2]


def test_patterns_are_over_folded_names() -> None:
    """Case does not matter, and datasets are named as such."""
    assert matches("uni-a/*", REPO)
    assert matches("UNI-A/model", REPO)
    assert not matches("uni-a/*", DATA)
    assert matches("datasets/uni-a/*", DATA)


@pytest.mark.parametrize(
    "text",
    [
        "copies = -1",
        "copies = 65",
        "copies = true",
        "copies = 1.5",
        "more = 1",
        "rule = 3",
        "[[rule]]\nrepo = 'a/*'",
        "[[rule]]\ncopies = 2\nsize = 3",
        "[[rule]]\ncopies = 2\nrepo = ''",
        "[[rule]]\ncopies = 2\nrepo = '**********'",
        "[[rule]]\ncopies = 2\npinned = 1",
        "[[rule]]\ncopies = 2\nover = '3'",
        "copies = ",
        "[[rule]]\ncopies = 1\n" * 1001,
    ],
)
def test_what_is_no_rule(text: str) -> None:
    """Wrong names, types and bounds are refused: a rule that does not count must not look as if it did."""
    with pytest.raises(BadFormat):
        parse_copies(text)


def test_the_size_is_bounded() -> None:
    """A file of rules has a largest size."""
    with pytest.raises(TooLarge):
        parse_copies("#" * 300_000)
