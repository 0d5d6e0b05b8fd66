"""What a client says that it returned, read into revisions; everything in it comes from a program."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.caches import REV, write_cache

from hanse.errors import BadFormat, BadPath, HanseError, NotFoundError, PeerError, PolicyError, Recalled
from hanse.flows.adopt.found import NOTES, noted
from hanse.flows.adopt.given import Given, given_revisions, parse_given
from hanse.flows.found import Kind
from hanse.model.digest import GitOid
from hanse.model.repo import RepoType

NEW = GitOid("b" * 40)
DATA = b"w" * 5000


@dataclass(frozen=True)
class Known:
    """What is known of the newest revision."""

    rev: str = NEW
    files: Mapping[str, object] = field(default_factory=dict)


def told(**more: Any) -> bytes:
    """Return what a client says, JSON."""
    said = {"type": "model", "repo": "org/m", "revision": None, "root": "/x/m", "files": ["a.bin"], "local": True}
    return json.dumps(said | more).encode()


def unasked(_kind: RepoType, _repo: str, _revision: str) -> Known:
    """Fail: what lies in a cache says itself of which revision it is."""
    raise AssertionError


def cached(root: Path, *files: str, revision: str = "main") -> Given:
    """Return files of a snapshot in a cache, as a client gives them."""
    return parse_given(told(root=str(root), files=files, local=False, revision=revision))


def test_what_a_client_says(tmp_path: Path) -> None:
    """A folder is told without links; without a revision the newest was asked for."""
    assert parse_given(told()) == Given(RepoType.MODEL, "org/m", "main", Path("/x/m"), ("a.bin",), local=True)
    (tmp_path / "m").mkdir()
    (tmp_path / "link").symlink_to("m")
    given = parse_given(told(root=f"{tmp_path}/link", files=["b/c", "a", "a"], revision="v1", type="dataset"))
    assert given == Given(RepoType.DATASET, "org/m", "v1", tmp_path / "m", ("b/c", "a"), local=True)


def test_a_cache(tmp_path: Path) -> None:
    """Of a cache only the named file is looked at, else the whole snapshot; it is of what was asked for."""
    root = write_cache(tmp_path, {"a.bin": DATA, "sub/b.txt": b"b"}) / "snapshots" / REV
    (one,) = given_revisions(cached(root, "sub/b.txt"), unasked)
    assert (one.kind, one.rev, one.type, one.repo, set(one.files)) == (Kind.HUB, REV, RepoType.MODEL, "org/m", {"sub/b.txt"})
    (one,) = given_revisions(cached(root, revision=REV), unasked)
    assert set(one.files) == {"a.bin", "sub/b.txt"}


def test_a_cache_that_leads_elsewhere(tmp_path: Path) -> None:
    """A snapshot that a link takes out of the cache, or that is another one than the commit that was asked for, is refused."""
    entry = write_cache(tmp_path, {"a.bin": DATA})
    with pytest.raises(PolicyError, match="is not revision b"):
        given_revisions(cached(entry / "snapshots" / REV, revision=NEW), unasked)
    (entry / "snapshots" / REV).rename(tmp_path / REV)
    (entry / "snapshots" / REV).symlink_to(tmp_path / REV)
    with pytest.raises(PolicyError, match="is in no cache"):
        given_revisions(cached(entry / "snapshots" / REV), unasked)


@pytest.mark.parametrize(
    "more",
    [
        {"type": "space"},
        {"root": "m"},
        {"root": "/x/\0"},
        {"files": 3},
        {"files": [3]},
        {"repo": ""},
        {"repo": "o" * 5000},
    ],
    ids=str,
)
def test_what_is_told_wrongly(more: dict[str, Any]) -> None:
    """A question that makes no sense is refused with what was expected."""
    with pytest.raises(BadFormat, match="told as JSON"):
        parse_given(told(**more))
    with pytest.raises(BadFormat):
        parse_given(b"[" * 100_000)
    for path in (".git/config", "../a.bin", "/etc/hostname"):
        with pytest.raises(BadPath):
            parse_given(told(files=[path]))


def test_files_are_of_the_revision_that_a_client_noted(tmp_path: Path) -> None:
    """Each file of a folder is of the revision in its note, without a note of the one that is asked for."""
    notes = tmp_path / ".cache" / "huggingface" / "download"
    (notes / "sub").mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    for path in ("a.bin", "sub/b.txt", "mine.py"):
        (tmp_path / path).write_bytes(DATA)
    for path in ("a.bin", "sub/b.txt", "gone.bin"):
        (notes / f"{path}.metadata").write_text(f"{REV}\n{'c' * 64}\n1.0\n")
    (tmp_path / "plain.bin").symlink_to("a.bin")
    (tmp_path / "deep").mkdir()

    def revisions(*files: str, revision: str = "main", **known: str) -> dict[str | None, set[str]]:
        given = Given(RepoType.MODEL, "org/m", revision, tmp_path, files, local=True)
        has = {rev: dict.fromkeys(paths.split()) for rev, paths in ({REV: ""} | known).items()}
        asked = lambda _kind, _repo, rev: Known(files=has.get(rev, has.get("new", {})))  # noqa: E731 one line
        return {one.rev: {*one.files, *one.odd} for one in given_revisions(given, asked)}

    assert revisions("a.bin", "mine.py") == {NEW: {"mine.py"}, REV: {"a.bin"}}
    # All that a client says it downloaded, if the revision has it: there may be other repositories in the folder.
    assert revisions() == {NEW: set()}
    assert revisions(**{REV: "a.bin other.bin"}) == {NEW: set(), REV: {"a.bin"}}
    # A client that finds no server returns a folder as it is: what the revision has there is looked at, too.
    assert revisions(new="mine.py deep absent.bin sub/b.txt") == {NEW: {"mine.py", "deep"}, REV: {"sub/b.txt"}}
    # Who asks for a commit gets what that has.
    assert revisions("a.bin", revision=NEW, new="a.bin") == {NEW: {"a.bin"}}


@pytest.mark.parametrize(
    "error", [PolicyError("refused"), Recalled("gone"), PeerError("down"), NotFoundError("unknown")], ids=repr
)
def test_leftovers_of_another_revision(tmp_path: Path, error: HanseError) -> None:
    """What is left of a revision that must not be used is looked at; what is of none of this repository is somebody else's."""
    note = tmp_path / NOTES / "old.bin.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{REV}\n{'c' * 64}\n1.0\n")
    (tmp_path / "old.bin").write_bytes(DATA)

    def known(_kind: RepoType, _repo: str, revision: str) -> Known:
        if revision == REV:
            raise error
        return Known()

    found = given_revisions(Given(RepoType.MODEL, "org/m", "main", tmp_path, (), local=True), known)
    assert ("old.bin" in found[-1].files) == isinstance(error, PolicyError | Recalled)


def test_notes_that_never_end(tmp_path: Path) -> None:
    """A note that is no regular file is none, and is not waited for."""
    note = tmp_path / NOTES / "a.bin.metadata"
    note.parent.mkdir(parents=True)
    os.mkfifo(note)
    assert noted(tmp_path, "a.bin")[0] is None


def test_links_of_older_clients(tmp_path: Path) -> None:
    """Where older clients put a link to their cache, the file that it leads to is looked at."""
    (tmp_path / "blob").write_bytes(DATA)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.bin").symlink_to("../blob")
    given = Given(RepoType.MODEL, "org/m", "main", tmp_path / "m", ("a.bin",), local=True)
    (one,) = given_revisions(given, lambda *_: Known())
    assert one.files == {"a.bin": tmp_path / "blob"}
