"""Answers of Hubs: what is taken from them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import PeerMalformed, PeerMisbehaved
from hanse.peers import hubforms

REV, OID, SHA, XET = "c" * 40, "a" * 40, "b" * 64, "d" * 64
REGULAR = {"type": "file", "path": "a/b.txt", "oid": OID, "size": 3}
LARGE = {
    "type": "file",
    "path": "m.bin",
    "oid": OID,
    "size": 5,
    "lfs": {"oid": SHA, "size": 5, "pointerSize": 126},
    "xetHash": XET,
}


def _tree(*entries: Any) -> list[Any]:
    return list(hubforms.tree_page(json.dumps(entries).encode(), "hub"))


def test_info() -> None:
    """The commit, the name, and exactly the claims that are known, in bounds."""
    said = {"id": "o/n", "sha": REV, "gated": "auto", "private": False, "tags": ["a"] * 5000, "pipeline_tag": "x" * 9000}
    said |= {"siblings": [{"rfilename": "a"}] * 10, "cardData": {"license": "mit"}, "hanse:x": 1, "library_name": None}
    found = hubforms.info(json.dumps(said).encode(), "hub")
    assert (found.id, found.rev) == ("o/n", REV)
    assert found.info["gated"] == "auto"
    assert found.info["cardData"] == {"license": "mit"}
    assert len(found.info["tags"]) == 2000
    assert len(found.info["pipeline_tag"]) == 500
    assert set(found.info) == {"private", "disabled", "gated", "pipeline_tag", "tags", "cardData"}


def test_a_card_may_be_too_long() -> None:
    """A card beyond its bound is left out, and does not keep anybody from the files."""
    said = {"id": "o/n", "sha": REV, "cardData": {"x": "y" * hubforms.MAX_CARD_BYTES}}
    assert "cardData" not in hubforms.info(json.dumps(said).encode(), "hub").info


@pytest.mark.parametrize(
    "bad",
    [b"", b"[]", b"<html>", b"{}", b'{"id":"o/n","sha":"main"}', b'{"id":1,"sha":"%s"}' % REV.encode(), b"\xff", b"[" * 100_000],
)
def test_infos_that_are_none(bad: bytes) -> None:
    """Something else than a Hub's answer is a misbehaving server, not a crash."""
    with pytest.raises(PeerMisbehaved):
        hubforms.info(bad, "hub")


def test_tree() -> None:
    """Files come with all digests that the Hub says; folders and other kinds of entries are left out."""
    small, large = _tree(REGULAR, {"type": "directory", "path": "a", "oid": "x"}, LARGE, {"type": "commit", "path": "sub"})
    assert (small.path, small.size, small.git_oid, small.lfs, small.sha256, small.xet) == ("a/b.txt", 3, OID, False, None, None)
    assert (large.lfs, large.sha256, large.xet, large.etag) == (True, SHA, XET, SHA)
    assert _tree(LARGE | {"lfs": {"oid": f"sha256:{SHA}", "size": 5}})[0].sha256 == SHA


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../etc/passwd"},
        {"path": "/etc/passwd"},
        {"path": "a//b"},
        {"path": ".git/config"},
        {"path": "a\\b"},
        {"path": ""},
        {"path": None},
        {"size": -1},
        {"size": 1 << 60},
        {"size": 10**30},
        {"size": "5"},
        {"size": 6},
        {"oid": "a" * 39},
        {"oid": "A" * 40},
        {"lfs": {"oid": "b" * 63, "size": 5}},
        {"lfs": {"oid": SHA}},
        {"xetHash": "d" * 63},
        {"xetHash": "/" * 64},
    ],
    ids=str,
)
def test_entries_that_are_none(change: dict[str, Any]) -> None:
    """Paths that leave the folder, sizes and digests that are none, and contradictions are refused."""
    with pytest.raises(PeerMisbehaved):
        _tree(LARGE | change)


def test_refs() -> None:
    """Branches, tags, conversions and pull requests; names that no ref may have are left out."""
    said = {
        "branches": [
            {"name": "main", "ref": "refs/heads/main", "targetCommit": REV},
            {"ref": "refs/heads/../x", "targetCommit": REV},
        ],
        "converts": [{"ref": "refs/convert/parquet", "targetCommit": REV}],
        "tags": [{"ref": "refs/tags/v1", "targetCommit": REV}],
        "pullRequests": [{"ref": "refs/pr/7", "targetCommit": REV}, {"ref": "refs/pr/x", "targetCommit": REV}],
    }
    found = hubforms.refs(json.dumps(said).encode(), "hub")
    assert [one.ref for one in found] == ["refs/heads/main", "refs/convert/parquet", "refs/tags/v1", "refs/pr/7"]
    said["tags"] = [{"ref": "refs/tags/v1", "targetCommit": "v1"}]
    with pytest.raises(PeerMisbehaved):
        hubforms.refs(json.dumps(said).encode(), "hub")


def test_commits_and_accounts() -> None:
    """Commits by id and title, the account by name."""
    data = json.dumps([{"id": REV, "title": "t", "date": "2026", "authors": [{"user": "a"}]}]).encode()
    assert hubforms.commits_page(data, "hub")[0].title == "t"
    assert hubforms.account(b'{"name":"alice","orgs":[]}', "hub") == "alice"
    with pytest.raises(PeerMisbehaved):
        hubforms.commits_page(b'[{"id":"x"}]', "hub")


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<http://a/b?c=d>; rel="next"', "http://a/b?c=d"),
        ("</b>; rel=next", "/b"),
        ('<http://a/1>; rel="prev", <http://a/2>; rel="next"', "http://a/2"),
        ('<http://a/b>; rel="last"', None),
        ("<" * 10_000, None),
    ],
)
def test_links(header: str, target: str | None) -> None:
    """The next page is the one that is called so."""
    assert hubforms.next_link(header) == target


def test_a_name_that_no_file_may_have() -> None:
    """A line break in a file's name is an error that shows the file and says what is to be done."""
    with pytest.raises(PeerMalformed, match=r"line break: 'a\\nb\.txt'") as refused:
        _tree({"type": "file", "path": "a\nb.txt", "size": 1, "oid": "a" * 40})
    assert "rename" in refused.value.hint
