"""docs/conform.md shows the reports that are kept, and explains every verdict."""

from __future__ import annotations

from tests.docs.conform_report import BEGIN, END, PAGE, page_table

from hanse.conform.outcome import Verdict


def test_the_table_is_made_of_the_reports() -> None:
    """The table in the page is what the kept reports say."""
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == page_table().strip()


def test_every_verdict_is_explained() -> None:
    """The page has a row for every verdict."""
    page = PAGE.read_text()
    assert [one for one in Verdict if f"| {one.value.lower()} |" not in page and f"| **{one.value.lower()}** |" not in page] == []
