"""The layout of a static site: no path leads out of it, and its small files say what they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import HanseError
from hanse.model.canonical import canonical
from hanse.model.digest import EMPTY_XET, GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.model.staticlayout import (
    FORMAT,
    StaticIndex,
    StaticPath,
    StaticRefs,
    chunks_path,
    encode_namespaces,
    evidence_path,
    federation_path,
    is_lasting,
    log_path,
    parse_index,
    parse_namespaces,
    parse_refs,
    parse_static_path,
    reconstruction_path,
    refs_path,
    xorb_path,
)

REV = GitOid("a" * 40)
ORIGIN = Origin("hub.example.org")
INDEX = StaticIndex(ORIGIN, 12, 1_800_000_000, 3)
REFS = StaticRefs(RepoId(ORIGIN, RepoType.MODEL, "Alice", "M"), {"refs/heads/main": REV, "refs/tags/v1": GitOid("b" * 40)})


def test_paths() -> None:
    """Each thing has its one place, which needs no quoting in an address."""
    found = [
        evidence_path(RepoType.MODEL, "alice/m", REV),
        evidence_path(RepoType.DATASET, "alice/m", REV, Origin("other.example")),
        refs_path(RepoType.MODEL, "alice/m"),
        chunks_path(EMPTY_XET),
        reconstruction_path(EMPTY_XET),
        xorb_path(EMPTY_XET),
        log_path("tile/entries/x001/234.p/17"),
        federation_path(Origin("models.example"), "root", "1.json"),
    ]
    assert found[0] == f"evidence/models/alice/m/{REV}.jsonl"
    assert found[1] == f"o/other.example/evidence/datasets/alice/m/{REV}.jsonl"
    assert [parse_static_path(one) for one in found] == found
    assert [is_lasting(one) for one in found] == [False, False, False, True, False, True, True, False]


@pytest.mark.parametrize("bad", ["", "/x", "../x", "a/../b", "a//b", ".x", "a/.x", "a b", "a%2e", "a\\b", "a/", "é", "x" * 2000])
def test_no_way_out(bad: str) -> None:
    """What leads out of a site, hides in it or needs quoting is no path of one."""
    with pytest.raises(HanseError):
        parse_static_path(StaticPath(bad))


def test_small_files_come_back() -> None:
    """Index, refs and namespaces are read as they were written."""
    assert parse_index(canonical(INDEX.as_json())) == INDEX
    assert parse_refs(canonical(REFS.as_json())) == REFS
    assert parse_namespaces(encode_namespaces(["b", "a"])) == {"a", "b"}


def test_names() -> None:
    """A branch goes before a tag, a full name is itself, and others are none."""
    assert [REFS.find(one) for one in ("main", "v1", "refs/heads/main", "x")] == [REV, "b" * 40, REV, None]


@pytest.mark.parametrize(
    "change", [{"format": "hanse-static/2"}, {"size": -1}, {"size": True}, {"time": "1"}, {"origin": "../x"}, {"repos": 2**60}]
)
def test_a_false_index(change: dict[str, Any]) -> None:
    """Another format, numbers that are none, and an origin that is none are refused."""
    with pytest.raises(HanseError):
        parse_index(json.dumps(INDEX.as_json() | change).encode())


@pytest.mark.parametrize(
    "change", [{"format": "x"}, {"refs": []}, {"refs": {"refs/heads/main": "../x"}}, {"repo": "a/b/c"}, {"type": "space"}]
)
def test_false_refs(change: dict[str, Any]) -> None:
    """Names that lead to no commit id, and repositories that are none, are refused."""
    with pytest.raises(HanseError):
        parse_refs(json.dumps(REFS.as_json() | change).encode())
    with pytest.raises(HanseError):
        parse_namespaces(json.dumps({"format": FORMAT} | change).encode())
