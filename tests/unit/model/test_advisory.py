"""OSV records: what is read of them, and that what is hostile is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.advising import record

from hanse.errors import BadDigest, BadFormat, BadRepoId, HanseError, TooLarge
from hanse.model.advisory import AdvisoryKind, parse_payload, parse_purl, parse_record, read_record
from hanse.model.repo import Origin, RepoId, RepoType

REV, TREE = "a" * 40, "b" * 64
MINE = RepoId(Origin("a.example"), RepoType.MODEL, "Alice", "M")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "advisories.md"


def test_the_example_of_the_page() -> None:
    """The record that docs/advisories.md shows is one."""
    text = re.findall(r"<!-- example: advisory -->\n```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    found = parse_record(text.encode())
    assert (found.id, found.kind, found.withdrawn) == ("HANSE-2026-0001", AdvisoryKind.MALICIOUS, None)
    assert all(f"`{kind.value}`" in PAGE.read_text(encoding="utf-8") for kind in AdvisoryKind)


def test_what_is_affected() -> None:
    """A name counts in any case, in every revision or the named ones, of its origin only; digests count everywhere."""
    whole = read_record(record())
    assert whole.concerns(MINE, REV, TREE)
    assert not whole.concerns(RepoId(Origin("b.example"), RepoType.MODEL, "alice", "m"), REV, TREE)
    assert not whole.concerns(RepoId(Origin("a.example"), RepoType.DATASET, "alice", "m"), REV, TREE)
    one = read_record(record(affected=[{"package": {"purl": f"pkg:huggingface/x/y@{REV}"}, "versions": ["c" * 40]}]))
    upstream = RepoId(Origin("huggingface.co"), RepoType.MODEL, "x", "y")
    assert [one.concerns(upstream, rev, TREE) for rev in (REV, "c" * 40, "d" * 40)] == [True, True, False]
    digests = read_record(record(affected=[{"database_specific": {"tree": TREE, "sha256": ["e" * 64]}}]))
    assert digests.concerns(None, "", TREE)
    assert digests.concerns(MINE, REV, "0" * 64, {"e" * 64})
    assert not digests.concerns(MINE, REV, "0" * 64, {"f" * 64})


def test_purls_are_read_as_written() -> None:
    """A package URL names origin, type, repository and revision, and is written again as it was."""
    for text in (
        "pkg:huggingface/x/y",
        f"pkg:huggingface/x/y@{REV}",
        "pkg:huggingface/x/y?repository_url=a.example&type=dataset",
    ):
        assert parse_purl(text).purl == text
    assert parse_purl("pkg:huggingface/x/y?repository_url=https://a.example/").repo.origin == "a.example"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"id": "a b"}, BadFormat),
        ({"id": "x" * 121}, TooLarge),
        ({"id": 7}, BadFormat),
        ({"summary": ""}, BadFormat),
        ({"summary": "x" * 301}, TooLarge),
        ({"summary": "two\nlines"}, BadFormat),
        ({"summary": "nul \0 escape \x1b[2J"}, BadFormat),
        ({"summary": "turned \u202e"}, BadFormat),
        ({"details": "x" * 20_000}, TooLarge),
        ({"modified": "yesterday"}, BadFormat),
        ({"modified": "2026-13-01T00:00:00Z"}, BadFormat),
        ({"database_specific": {"kind": "odd"}}, BadFormat),
        ({"database_specific": []}, BadFormat),
        ({"affected": []}, BadFormat),
        ({"affected": [{}]}, BadFormat),
        ({"affected": [{}] * 65}, TooLarge),
        ({"affected": [{"package": {"purl": "pkg:pypi/x"}}]}, BadFormat),
        ({"affected": [{"package": {"purl": "pkg:huggingface/x"}}]}, BadRepoId),
        ({"affected": [{"package": {"purl": "pkg:huggingface/x/y@main"}}]}, BadFormat),
        ({"affected": [{"package": {"purl": "pkg:huggingface/x/y?repository_url=../etc"}}]}, BadRepoId),
        ({"affected": [{"package": {"purl": "pkg:huggingface/x/y"}, "versions": ["1.0"]}]}, BadFormat),
        ({"affected": [{"database_specific": {"tree": "x"}}]}, BadDigest),
        ({"affected": [{"database_specific": {"sha256": [1]}}]}, BadFormat),
        ({"affected": [{"database_specific": {"sha256": ["0" * 64] * 257}}]}, TooLarge),
    ],
)
def test_what_is_no_advisory(change: dict[str, Any], error: type[HanseError]) -> None:
    """Every field that is read has a form and a bound."""
    with pytest.raises(error):
        read_record(record() | change)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda some: st.lists(some) | st.dictionaries(st.text(), some)
    )
)
def test_anything_else_is_refused(value: Any) -> None:
    """Whatever stands in a field, reading it ends in an advisory or in an error of ours."""
    for name in record():
        try:
            parse_record(json.dumps(record() | {name: value}).encode())
        except HanseError:
            continue


def test_a_statement_of_something_else() -> None:
    """Only a statement of this predicate holds an advisory."""
    with pytest.raises(BadFormat):
        parse_payload(json.dumps({"predicateType": "x", "predicate": record()}).encode())
