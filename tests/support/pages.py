"""Pages as tests read them: their tags, and what holds for every page."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.support.rawhttp import Reply

_VOID = {"meta", "link", "img", "input", "br", "hr"}


class Checker(HTMLParser):
    """Collects tags and addresses, and notes tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.broken: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that opens."""
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Note a tag that closes."""
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)


def check_page(reply: Reply, status: int = 200) -> tuple[str, Checker]:
    """Return a page's text and what is in it; every page is well formed, closed off and free of scripts."""
    text = reply.body.decode()
    assert reply.status == status, text[:500]
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    checker = Checker()
    checker.feed(text)
    assert (checker.open, checker.broken) == ([], [])
    names = [tag for tag, _ in checker.tags]
    assert not {"script", "iframe", "object", "style"} & set(names)
    assert names.count("h1") >= 1
    assert names.count("main") == 1
    assert not [name for _, attributes in checker.tags for name in attributes if name.startswith("on") or name == "style"]
    return text, checker
