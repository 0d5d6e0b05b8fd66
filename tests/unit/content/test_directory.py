"""Directories: paths, conflicts, order, shared structure and git's own tree ids."""

from __future__ import annotations

import os
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from hanse.content.directory import Directory, Folder
from hanse.content.gitobjects import EMPTY_TREE, blob_id
from hanse.errors import BadCommit, BadPath, EntryNotFound
from hanse.model.digest import EMPTY_XET, NO_SHA256
from hanse.model.entry import Entry

_PATHS = ["a", "a-b", "a.d/x", "a.txt", "b/c/d", "b/c0", "b/c.x", "é/z", "z\uffee", "z\U0001f600"]


def _entry(path: str, content: str = "") -> Entry:
    data = (content or path).encode()
    return Entry(path, len(data), NO_SHA256, EMPTY_XET, blob_id(data), lfs=False)


def _directory(*paths: str) -> Directory:
    return Directory.empty().apply(map(_entry, paths))


def _names(items: object) -> list[str]:
    return [f"{item.path}/" if isinstance(item, Folder) else item.path for item in items]  # type: ignore[attr-defined]


def test_tree_ids_are_those_of_git(tmp_path: Path) -> None:
    """The root and every folder have the id git's write-tree gives, also after changes and deletions."""
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=tmp_path, capture_output=True, check=True, text=True, env=env).stdout.strip()

    run("init", "-q")
    directory = _directory(*_PATHS)
    steps: list[tuple[dict[str, str], list[str]]] = [
        ({p: p for p in _PATHS}, []),
        ({"b/c/e": "1", "a": "2"}, ["a.txt"]),
        ({}, ["b"]),
    ]
    for number, (puts, deletes) in enumerate(steps):
        for path in deletes:
            run("rm", "-rqf", path)
        for path, content in puts.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        run("add", "-A")
        if number:
            directory = directory.apply([_entry(*item) for item in puts.items()], deletes)
        assert directory.oid() == run("write-tree")
    folder = directory.get("a.d")
    assert isinstance(folder, Folder)
    assert folder.oid == run("rev-parse", f"{directory.oid()}:a.d")


def test_empty_directory_is_gits_empty_tree() -> None:
    """No files make git's empty tree."""
    assert Directory.empty().oid() == EMPTY_TREE
    assert (Directory.empty().count, Directory.empty().size) == (0, 0)


def test_order_is_path_order_with_folders_before_their_files() -> None:
    """Walking gives keys in byte order of the paths, a folder as its path with a slash."""
    directory = _directory(*reversed(_PATHS))
    assert [entry.path for entry in directory.entries()] == sorted(_PATHS)
    walked = _names(directory.walk())
    assert walked == sorted([*_PATHS, "a.d/", "b/", "b/c/", "é/"])
    assert _names(directory.list_folder()) == sorted(["a", "a-b", "a.d/", "a.txt", "b/", "z\uffee", "z\U0001f600", "é/"])
    assert _names(directory.list_folder("b")) == ["b/c.x", "b/c/", "b/c0"]
    assert _names(directory.walk("b")) == ["b/c.x", "b/c/", "b/c/d", "b/c0"]


def test_every_key_is_a_place_to_go_on_from() -> None:
    """Listing from any key gives exactly what comes after it, whether the key exists or not."""
    directory = _directory(*_PATHS)
    everything = _names(directory.walk())
    files = sorted(_PATHS)
    for after in [*everything, "", "0", "a/x", "b/c/", "b/c/dd", "b/x/y", "zz", "a.d/y", "\U0010ffff"]:
        assert _names(directory.walk(after=after)) == [key for key in everything if key > after]
        assert [entry.path for entry in directory.entries(after)] == [path for path in files if path > after]
        assert _names(directory.list_folder("b", after)) == [key for key in ["b/c.x", "b/c/", "b/c0"] if key > after]


def test_counts_and_sizes_follow_every_change() -> None:
    """Numbers of files and bytes are right after puts, replacements and deletions, at every level."""
    directory = _directory(*_PATHS)
    assert (directory.count, directory.size) == (10, sum(len(path.encode()) for path in _PATHS))
    directory = directory.apply([_entry("b/c/d", "longer content")], ["a.d"])
    folder = directory.get("b/c")
    assert isinstance(folder, Folder)
    assert (folder.count, folder.size) == (1, 14)
    assert (directory.count, directory.size) == (9, sum(entry.size for entry in directory.entries()))


def test_old_directories_never_change() -> None:
    """A change gives a new directory; what was read from the old one stays true."""
    old = _directory(*_PATHS)
    oid, paths = old.oid(), _names(old.walk())
    new = old.apply([_entry("b/c/new"), _entry("a", "x")], ["b/c0", "é/"])
    assert (old.oid(), _names(old.walk())) == (oid, paths)
    assert new.oid() != oid
    assert new.file("b/c0") is None
    assert new.apply(old.entries(), ["b/c/new"]).oid() == oid


def test_folders_that_become_empty_vanish() -> None:
    """Git knows no empty folders."""
    directory = _directory("a/b/c/d", "x").apply([], ["a/b/c/d"])
    assert directory.get("a") is None
    assert directory.oid() == _directory("x").oid()


@pytest.mark.parametrize("path", ["a/b", "a/b/c", "b"])
def test_file_and_folder_conflicts_are_refused(path: str) -> None:
    """A path is a file or a folder, never both, also within one commit."""
    with pytest.raises(BadCommit):
        _directory("a", "b/c").apply([_entry(path)])
    with pytest.raises(BadCommit):
        _directory("q").apply([_entry("a"), _entry("b/c"), _entry(path)])


def test_a_deleted_folder_may_become_a_file_in_the_same_commit() -> None:
    """Deletions come before additions."""
    assert _names(_directory("a/b", "c").apply([_entry("a"), _entry("c/d")], ["a/", "c"]).walk()) == ["a", "c/", "c/d"]


@pytest.mark.parametrize("path", ["", "nope", "a/nope", "a/b/nope", "/", "a//b"])
def test_deleting_what_is_not_there_is_refused(path: str) -> None:
    """A deletion names something that exists."""
    with pytest.raises(EntryNotFound, match="A file with this name doesn't exist"):
        _directory("a/b").apply([], [path])


@pytest.mark.parametrize("path", ["", "/a", "a/", "../a", "a/.git/x", "a\0"])
def test_bad_paths_never_enter(path: str) -> None:
    """The rules for paths hold for whoever builds the entry."""
    with pytest.raises(BadPath):
        Directory.empty().apply([_entry(path, "x")])


def test_lookups_tell_files_folders_and_nothing_apart() -> None:
    """The root is a folder, a file has no children, a missing folder cannot be listed."""
    directory = _directory("a/b")
    root = directory.get("")
    assert isinstance(root, Folder)
    assert (root.path, root.oid, root.count) == ("", directory.oid(), 1)
    assert directory.file("a/b") == _entry("a/b")
    assert directory.file("a") is None
    assert directory.get("a/b/c") is None
    for path in ("a/b", "nope"):
        with pytest.raises(EntryNotFound):
            directory.list_folder(path)
        with pytest.raises(EntryNotFound):
            directory.walk(path)


def test_a_change_shares_untouched_folders() -> None:
    """Only the folders on the way to a change are made anew."""
    old = _directory(*(f"d{number:03}/f" for number in range(200)))
    old.oid()
    new = old.apply([_entry("d007/g")])
    kept = [name for name, child in new._root.children.items() if old._root.children[name] is child]
    assert len(kept) == 199
    assert len(list(islice(new.walk(after="d006/f"), 3))) == 3
