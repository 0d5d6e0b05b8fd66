"""Plots: well-formed, bounded, and without anything of a stranger's in them but text."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

from hanse.evals.exchange.plots import MAX_ROWS, Line, intervals


def test_a_plot_is_well_formed() -> None:
    """Names with markup stay text, and values beyond the scale are drawn at its end."""
    svg = intervals("a <b>", [Line('<script>"&', 0.5, -3.0, 9.0, "x<y")], band=(0.2, 0.4))
    tree = fromstring(svg)
    assert "<script" not in svg
    bar = next(one for one in tree.iter("line") if one.get("class") == "bar")
    assert (bar.get("x1"), bar.get("x2")) == ("260.0", "640.0")


def test_rows_are_bounded() -> None:
    """However many rows come, a plot has a bounded number of them."""
    svg = intervals("t", [Line(str(at), 0.5, 0.4, 0.6, "") for at in range(500)])
    assert svg.count("<circle") == MAX_ROWS
