"""The report: what stands in it, and what a stranger's names cannot do to it."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.support.exchanged import made

from hanse.evals.exchange.report import page


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fields: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fields |= {name for name, _ in attrs}


def test_a_report_shows_scores_and_differences() -> None:
    """Each run is there with score, class and gaps, and each pair with its verdict."""
    first, second, third = made("one"), made("two", seed=1), made("three", seed=2, model="b")
    text = page([first.shown, second.shown, third.shown])
    for part in (first.record.score.value, "claimed", "tokens", first.suite.digest, "two models: nothing to reproduce"):
        assert part in text
    assert text.count("<svg") == 2


def test_names_cannot_run() -> None:
    """A model named as markup stays text: there is no script, no address and no handler in the page."""
    text = page([made('<script>alert(1)</script><img src=x onerror="y">').shown])
    found = _Tags()
    found.feed(text)
    assert not found.tags & {"script", "img", "a", "link", "iframe", "object"}
    assert not {name for name in found.fields if name.startswith("on") or name in {"src", "href"}}
    assert "default-src 'none'" in text
