"""The walk: whatever happens inside a view becomes part of the facts."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import MAX_PER_VIEW, Malformed, Walk, join

SOURCE = BytesSource(b"abc")


def nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def walk_of(**limits: int) -> Walk:
    """Return a walk with some limits of its own."""
    return Walk(Budget(limits_for(100) | limits), nothing)


@pytest.mark.parametrize(
    ("error", "stopped"),
    [(OverBudget("inflated"), "inflated"), (ValueError("x"), "error:ValueError"), (RecursionError(), "error:RecursionError")],
)
def test_errors_end_a_view_not_the_scan(error: Exception, stopped: str) -> None:
    """An error inside a view is the reason why it stopped; what was seen before stays."""
    walk = walk_of()
    with walk.view("zip", "m", SOURCE, executes=True) as view:
        view.see("member", 2, name="a")
        raise error
    (made,) = walk.views()
    assert (made.stopped, made.member, made.executes, made.size) == (stopped, "m", True, 3)
    assert made.observations[0].kind == "zip.member"


def test_malformed_is_an_observation() -> None:
    """Broken rules of a format are facts, not gaps."""
    walk = walk_of()
    with walk.view("zip", "", SOURCE, executes=True):
        raise Malformed("no end record", 7)
    (made,) = walk.views()
    assert made.stopped is None
    assert (made.observations[0].kind, made.observations[0].at) == ("zip.malformed", 7)


@pytest.mark.parametrize(("at", "kept"), [(7, 7), (0, 0), (-1, None), (1 << 60, None), (None, None)])
def test_places_are_inside_files(at: int | None, kept: int | None) -> None:
    """A place that no file can have is no place."""
    walk = walk_of()
    with walk.view("zip", "", SOURCE, executes=True) as view:
        view.see("member", at)
        raise Malformed("odd", at)
    assert [one.at for one in walk.views()[0].observations] == [kept, kept]


def test_interruption_is_not_swallowed() -> None:
    """Ctrl-C ends the scan."""
    with pytest.raises(KeyboardInterrupt), walk_of().view("zip", "", SOURCE, executes=True):
        raise KeyboardInterrupt


def test_observations_are_bounded() -> None:
    """A view keeps a bounded number of observations, then stops; so does a file."""
    walk = walk_of()
    with walk.view("zip", "", SOURCE, executes=True) as view:
        for _ in range(MAX_PER_VIEW + 1):
            view.see("member")
    assert walk.views()[0].stopped == "observations"
    walk = walk_of(observations=3)
    with walk.view("zip", "", SOURCE, executes=True) as view:
        for _ in range(4):
            view.see("member")
    assert len(walk.views()[0].observations) == 3


def test_depth_and_members_are_bounded() -> None:
    """A file that contains itself ends at a depth, one with too many members at a count."""

    def inside(source: Source, member: str, walk: Walk) -> None:
        walk.descend(source, join(member, "x"))

    walk = Walk(Budget(limits_for(1) | {"depth": 3}), inside)
    with pytest.raises(OverBudget, match="depth"):
        walk.descend(SOURCE, "x")
    assert walk.depth == 0
    assert walk.budget.spent["depth"] == 3
    walk = walk_of(members=1)
    walk.descend(SOURCE, "a")
    with pytest.raises(OverBudget, match="members"):
        walk.descend(SOURCE, "b")


def test_views_keep_the_order_in_which_they_began() -> None:
    """An archive comes before its members although it ends after them."""
    walk = walk_of()
    with walk.view("zip", "", SOURCE, executes=True) as outer:
        with walk.view("json", join("", "a"), SOURCE, executes=False):
            pass
        outer.stop("first")
        outer.stop("second")
    assert [(view.format, view.stopped) for view in walk.views()] == [("zip", "first"), ("json", None)]


def test_member_paths() -> None:
    """Names inside members are joined so that both ends can be told apart."""
    assert join("", "a/b") == "a/b"
    assert join("a.zip", "b") == "a.zip!/b"
