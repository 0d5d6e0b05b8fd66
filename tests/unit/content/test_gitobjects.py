"""Git objects have the ids and bytes that git itself gives them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hanse.content import gitobjects as git
from hanse.errors import BadPath
from hanse.model.digest import GitOid, Sha256

_SHA = Sha256("4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393")


@pytest.fixture(name="repo")
def _repo(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def _git(repo: Path, *args: str, stdin: bytes = b"") -> bytes:
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(["git", *args], cwd=repo, input=stdin, capture_output=True, check=True, env=os.environ | alone).stdout


@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(range(256)) * 9])
def test_blob_ids_are_those_of_git(repo: Path, content: bytes) -> None:
    """A blob has git's id, hashed at once or in pieces."""
    expected = _git(repo, "hash-object", "--stdin", stdin=content).decode().strip()
    hasher = git.BlobHasher(len(content))
    for at in range(0, len(content), 7):
        hasher.update(content[at : at + 7])
    assert git.blob_id(content) == hasher.finish() == expected


def test_blob_hasher_refuses_another_size() -> None:
    """An id is never given for fewer or more bytes than announced."""
    hasher = git.BlobHasher(3)
    hasher.update(b"ab")
    with pytest.raises(ValueError, match="missing"):
        hasher.finish()


def test_tree_with_awkward_names_is_that_of_git(repo: Path) -> None:
    """Folders sort as if their name ended in a slash, names by their bytes."""
    paths = ["a", "a-b", "a.txt", "ab", "b/x", "b-", "b.c", "b0", "é", "z\U0001f600", "z\uffee"]
    for path in paths:
        (repo / path).parent.mkdir(exist_ok=True)
        (repo / path).write_text(path)
    _git(repo, "add", "-A")
    inner = git.tree_id(git.tree_object([(git.Mode.FILE, "x", git.blob_id(b"b/x"))]))
    entries = [(git.Mode.FILE, path, git.blob_id(path.encode())) for path in paths if "/" not in path]
    body = git.tree_object([*entries, (git.Mode.FOLDER, "b", inner)])
    expected = _git(repo, "write-tree").decode().strip()
    assert git.tree_id(body) == expected
    assert _git(repo, "cat-file", "tree", expected) == body
    assert git.tree_id(b"") == git.EMPTY_TREE


@pytest.mark.parametrize("name", ["", "a/b", "a\0b"])
def test_tree_entries_refuse_impossible_names(name: str) -> None:
    """A name with a slash or NUL would change the meaning of the tree."""
    with pytest.raises(BadPath):
        git.tree_record(git.Mode.FILE, name, git.EMPTY_TREE)


def test_commit_is_that_of_git(repo: Path) -> None:
    """A commit object is byte for byte what git reads and checks."""
    _git(repo, "mktree")
    person = git.Person("Ada <L>\nparent x", "ada@example.org>\n", 1_700_000_000)
    first = git.commit_object(git.EMPTY_TREE, [], person, person, git.clean_message("One"))
    first_id = GitOid(_git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=first).decode().strip())
    assert git.commit_id(first) == first_id
    body = git.commit_object(git.EMPTY_TREE, [first_id], person, git.Person("", "", 5), git.clean_message("Two\nmore", "text"))
    second_id = _git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=body).decode().strip()
    assert git.commit_id(body) == second_id
    shown = _git(repo, "log", "-1", "--format=%an|%ae|%at|%cn|%P|%s|%b", second_id).decode()
    assert shown == f"Ada L parent x|ada@example.org|1700000000|unknown|{first_id}|Two|more\ntext\n\n"
    _git(repo, "fsck", "--strict")


@pytest.mark.parametrize(
    ("title", "description", "message"),
    [
        ("Fix", "", "Fix\n"),
        ("Fix\r\n", "why\r\nand how\0", "Fix\n\nwhy\nand how\n"),
        ("", "", "Update\n"),
        ("a\ud800", "", "a?\n"),
        ("one\n\ntwo", "three", "one\n\ntwo\nthree\n"),
    ],
)
def test_messages_are_one_title_and_a_body(title: str, description: str, message: str) -> None:
    """Titles stay on one line, NUL and carriage returns never enter an object."""
    assert git.clean_message(title, description) == message


def test_names_cannot_break_out_of_their_line() -> None:
    """Line breaks, angle brackets and control characters in a name are harmless."""
    assert git.clean_name("a\n<b>\0\x7f c.") == "a b c"
    assert git.clean_name("<>\n") == "unknown"
    assert git.clean_email("a b@c>\nauthor x") == "ab@cauthorx"


def test_lfs_pointer_is_canonical_and_read_back() -> None:
    """A pointer has the bytes git-lfs writes; only canonical pointers are taken for one."""
    pointer = git.lfs_pointer(_SHA, 12345)
    assert pointer == f"version https://git-lfs.github.com/spec/v1\noid sha256:{_SHA}\nsize 12345\n".encode()
    assert git.parse_lfs_pointer(pointer) == (_SHA, 12345)
    assert git.lfs_pointer_id(_SHA, 12345) == git.blob_id(pointer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        git.lfs_pointer(_SHA, 5)[:-1],
        git.lfs_pointer(_SHA, 5) + b"x",
        git.lfs_pointer(_SHA, 5).replace(b"size 5", b"size 05"),
        git.lfs_pointer(_SHA, 5).replace(b"size 5", b"size -5"),
        git.lfs_pointer(_SHA, 5).replace(b"size 5", b"size " + b"9" * 900),
        git.lfs_pointer(_SHA, 5).replace(b"size 5", "size \u0665".encode()),
        git.lfs_pointer(_SHA, 5).replace(b"4d7a", b"4D7A"),
    ],
)
def test_other_text_is_no_pointer(content: bytes) -> None:
    """Anything but the canonical form counts as ordinary content."""
    assert git.parse_lfs_pointer(content) is None
