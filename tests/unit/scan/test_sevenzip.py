"""7z archives: files inside are read, and under a model's name they are a trick."""

from __future__ import annotations

from tests.samples.archive import HARMLESS, seven
from tests.support.judging import judged, rules_of

from hanse.model.finding import Verdict
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource


def test_members_are_read() -> None:
    """A file in an archive is described like any file."""
    facts = extract(BytesSource(seven(b'{"a": [1, 2]}', "a.json")))
    assert "a.json" in {view.member for view in facts.views}


def test_names() -> None:
    """An archive of that name is fine; a model of that format, or a path that leaves the folder, is not."""
    assert judged(seven(HARMLESS), "a.7z").verdict is Verdict.SAFE
    assert "SEVENZIP-AS-MODEL" in rules_of(judged(seven(HARMLESS), "model.pt"))
    assert "ARCHIVE-PATH-ESCAPES" in rules_of(judged(seven(HARMLESS, "../a"), "a.7z"))


def test_broken_headers() -> None:
    """Both checksums are verified, and a header must lie inside the file."""
    good = seven(HARMLESS)
    for bad in (good[:20], good[:12] + bytes(20) + good[32:], good[:-1] + b"x", good[:40]):
        assert "SEVENZIP-MALFORMED" in rules_of(judged(bad, "a.7z"))
