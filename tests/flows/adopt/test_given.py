"""What a client says that it returned, read into revisions; everything in it comes from a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.caches import REV, write_cache

from hanse.errors import BadFormat, BadPath
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
    said = {"type": "model", "repo": "org/m", "revision": None, "path": "/x/m/a.bin", "folder": "/x/m"}
    return json.dumps(said | {"files": []} | more).encode()


def unasked(_kind: RepoType, _repo: str, _revision: str) -> Known:
    """Fail: what lies in a cache says itself of which revision it is."""
    raise AssertionError


def test_a_file_in_a_folder() -> None:
    """A path is told from the folder that the program named; without a revision the newest was asked for."""
    assert parse_given(told()) == Given(RepoType.MODEL, "org/m", "main", Path("/x/m"), ("a.bin",), noted=True)
    given = parse_given(told(path="/x/m", files=["/x/m/b/c.bin", "/x/m/a.bin", "/x/m/a.bin"], revision="v1", type="dataset"))
    assert given == Given(RepoType.DATASET, "org/m", "v1", Path("/x/m"), ("b/c.bin", "a.bin"), noted=True)


def test_a_file_in_a_cache(tmp_path: Path) -> None:
    """In a cache the snapshot is found above the file, and only that file is looked at; a whole snapshot if no file is named."""
    entry = write_cache(tmp_path, {"a.bin": DATA, "sub/b.txt": b"b"})
    root = entry / "snapshots" / REV
    given = parse_given(told(path=str(root / "sub" / "b.txt"), folder=None))
    assert (given.root, given.files, given.noted) == (root, ("sub/b.txt",), False)
    (one,) = given_revisions(given, unasked)
    assert (one.kind, one.rev, one.repo, set(one.files)) == (Kind.HUB, REV, "org/name", {"sub/b.txt"})
    (one,) = given_revisions(parse_given(told(path=str(root), folder=None)), unasked)
    assert set(one.files) == {"a.bin", "sub/b.txt"}


@pytest.mark.parametrize(
    "more",
    [
        {"type": "space"},
        {"path": "a.bin"},
        {"path": "/elsewhere/a.bin"},
        {"path": "/x/m/../a.bin"},
        {"files": ["/x/other/a.bin"]},
        {"files": 3},
        {"repo": ""},
        {"repo": "o" * 5000},
        {"folder": None, "path": "/x/no/cache"},
    ],
    ids=str,
)
def test_what_is_told_wrongly(more: dict[str, Any]) -> None:
    """A question that makes no sense is refused with what was expected."""
    with pytest.raises(BadFormat, match="told as JSON"):
        parse_given(told(**more))
    with pytest.raises(BadFormat):
        parse_given(b"[" * 100_000)
    with pytest.raises(BadPath):
        parse_given(told(path="/x/m/.git/config"))


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

    def revisions(*files: str, known: Known | None = None) -> dict[str | None, set[str]]:
        given = Given(RepoType.MODEL, "org/m", "main", tmp_path, files, noted=True)
        return {one.rev: {*one.files, *one.odd} for one in given_revisions(given, lambda *_: known or Known())}

    assert revisions("a.bin", "mine.py") == {NEW: {"mine.py"}, REV: {"a.bin"}}
    # All that a client says it downloaded, and nothing that the person put beside it.
    assert revisions() == {NEW: set(), REV: {"a.bin", "sub/b.txt"}}
    # A client that finds no server returns a folder as it is: what the revision has there is looked at, too.
    assert revisions(known=Known(files={"mine.py": 1, "deep": 1, "absent.bin": 1})) == {
        NEW: {"mine.py", "deep"},
        REV: {"a.bin", "sub/b.txt"},
    }


def test_links_of_older_clients(tmp_path: Path) -> None:
    """Where older clients put a link to their cache, the file that it leads to is looked at."""
    (tmp_path / "blob").write_bytes(DATA)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.bin").symlink_to("../blob")
    given = Given(RepoType.MODEL, "org/m", "main", tmp_path / "m", ("a.bin",), noted=True)
    (one,) = given_revisions(given, lambda *_: Known())
    assert one.files == {"a.bin": tmp_path / "blob"}
