"""Tar archives: members are read, links and names judged."""

from __future__ import annotations

import tarfile

from tests.samples.archive import HARMLESS, tar
from tests.support.judging import judged, rules_of

from hanse.model.finding import Verdict
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.tarball import claims, normal


def test_claims() -> None:
    """The checksum of the first header tells a tar archive, old ones included."""
    data = tar(("a.txt", b"hello"))
    assert claims(data[:4096], BytesSource(data))
    assert not claims(b"a" * 4096, BytesSource(b""))
    assert not claims(bytes(4096), BytesSource(b""))


def test_links() -> None:
    """Links inside are fine; outside they are suspicious, and worse when used or when they point at secrets."""
    link = tarfile.SYMTYPE
    for name, target, rule in (
        ("a/b", "../c", None),
        ("a/b", "../../c", "ARCHIVE-LINK-ESCAPES"),
        ("a", "/opt/python", "ARCHIVE-LINK-ESCAPES"),
        ("a", "/etc/passwd", "ARCHIVE-LINK-SECRET"),
    ):
        assert rules_of(judged(tar((name, (link, target))), "a.tar")) == ({rule} if rule else set())
    assert "ARCHIVE-LINK-THROUGH" in rules_of(judged(tar(("a", (link, "..")), ("a/b", b"hello")), "a.tar"))
    assert judged(tar(("c/x", b"hello"), ("a", (link, "c")), ("a/b", b"hello")), "a.tar").verdict is Verdict.SAFE


def test_long_names_cost_little() -> None:
    """Names of thousands of folders are cut where systems cut them."""
    found = judged(tar(("x", (tarfile.SYMTYPE, "y")), ("a/" * 3_000 + "b", HARMLESS)), "a.tar")
    assert found.spent["operations"] < 20_000


def test_what_is_behind_the_end_is_read() -> None:
    """Archives behind the end are members with a caution, other bytes are a finding."""
    facts = extract(BytesSource(tar(("a.txt", b"hello")) + tar(("b.json", b'{"a": 1}'))))
    assert "b.json" in {view.member for view in facts.views}
    assert "TAR-TRAILING" in rules_of(judged(tar(("a.txt", b"hello")) + b"#!/bin/sh\n" + bytes(600), "a.tar"))


def test_normal() -> None:
    """Names are compared without empty and dot parts."""
    assert normal("./a//b/.") == "a/b"
