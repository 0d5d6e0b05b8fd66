"""Git objects without git: ids of blobs, LFS pointers, trees and commits, byte for byte those of git (SHA-1 format)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hanse.errors import BadDigest, BadPath
from hanse.model.digest import GitOid, Sha256, parse_sha256

EMPTY_TREE = GitOid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
MAX_POINTER_BYTES = 1024
"""Git LFS looks for pointers only in blobs below this size."""

_POINTER_HEAD = b"version https://git-lfs.github.com/spec/v1\n"
_UNSAFE_IN_NAMES = dict.fromkeys([*range(32), 127, ord("<"), ord(">")], " ")
_EDGE_CRUD = " .,:;\"'\\"
_MAX_SIZE_DIGITS = 19


class Mode(str, Enum):
    """The modes of tree entries that a revision can have."""

    FILE = "100644"
    FOLDER = "40000"


@dataclass(frozen=True, slots=True)
class Person:
    """Author or committer: name, e-mail address (may be empty) and time in Unix seconds; times are UTC."""

    name: str
    email: str
    when: int


def object_id(kind: str, body: bytes) -> GitOid:
    """Return the id of the object of `kind` (blob, tree, commit) with the given body."""
    return GitOid(hashlib.sha1(b"%s %d\0" % (kind.encode("ascii"), len(body)) + body, usedforsecurity=False).hexdigest())


def blob_id(content: bytes) -> GitOid:
    """Return the id of the blob holding `content`."""
    return object_id("blob", content)


class BlobHasher:
    """Computes a blob id from pieces; the size in bytes has to be known first."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)

    def update(self, piece: bytes | memoryview) -> None:
        """Take in the next piece."""
        self._left -= len(piece)
        self._sha1.update(piece)

    def finish(self) -> GitOid:
        """Return the id; ValueError if the pieces did not have the announced size."""
        if self._left:
            raise ValueError(f"{self._left} bytes are missing from the announced size of a blob")
        return GitOid(self._sha1.hexdigest())


def lfs_pointer(sha256: Sha256, size: int) -> bytes:
    """Return the text git stores in place of a large file (Git LFS specification, version 1)."""
    return _POINTER_HEAD + f"oid sha256:{sha256}\nsize {size}\n".encode("ascii")


def lfs_pointer_id(sha256: Sha256, size: int) -> GitOid:
    """Return the blob id of a large file's pointer."""
    return blob_id(lfs_pointer(sha256, size))


def parse_lfs_pointer(content: bytes) -> tuple[Sha256, int] | None:
    """Return sha256 and size if `content` is exactly a canonical LFS pointer, else None."""
    if len(content) >= MAX_POINTER_BYTES or not content.startswith(_POINTER_HEAD + b"oid sha256:"):
        return None
    try:
        oid_line, size_line, rest = content[len(_POINTER_HEAD) :].decode("ascii").split("\n")
        sha256 = parse_sha256(oid_line.removeprefix("oid sha256:"))
    except (ValueError, BadDigest):
        return None
    digits = size_line.removeprefix("size ")
    if rest or not digits.isdigit() or len(digits) > _MAX_SIZE_DIGITS:
        return None
    size = int(digits)
    return (sha256, size) if lfs_pointer(sha256, size) == content else None


def tree_record(mode: Mode, name: str, oid: GitOid) -> bytes:
    """Return one entry of a tree object; raises BadPath on an empty name or one with a slash or NUL."""
    if not name or "/" in name or "\0" in name:
        raise BadPath(f"{name[:80]!r} cannot be the name of a file or folder")
    return f"{mode.value} {name}\0".encode() + bytes.fromhex(oid)


def tree_key(mode: Mode, name: str) -> str:
    """Return what entries of a tree are sorted by: the name, of a folder with a slash at its end.

    Python compares text by code points, which is the order of the UTF-8 bytes git compares.
    """
    return f"{name}/" if mode is Mode.FOLDER else name


def tree_object(entries: Iterable[tuple[Mode, str, GitOid]]) -> bytes:
    """Return the body of a tree object with `entries` (mode, name, id) in any order."""
    ordered = sorted(entries, key=lambda entry: tree_key(entry[0], entry[1]))
    return b"".join(tree_record(*entry) for entry in ordered)


def tree_id(body: bytes) -> GitOid:
    """Return the id of the tree object with the given body."""
    return object_id("tree", body)


def clean_name(text: str, fallback: str = "unknown") -> str:
    """Return `text` as it may stand in an author line: no line breaks, control characters or angle brackets.

    Like git, surrounding spaces and punctuation go too; `fallback` stands in for an empty name.
    """
    safe = text.encode("utf-8", "replace").decode("utf-8").translate(_UNSAFE_IN_NAMES)
    return " ".join(safe.split()).strip(_EDGE_CRUD) or fallback


def clean_email(text: str) -> str:
    """Return `text` as it may stand between the angle brackets of an author line; may be empty."""
    return clean_name(text, "").replace(" ", "")


def clean_message(title: str, description: str = "") -> str:
    """Return a commit message: one title line, and the description below a blank line if there is one.

    NUL and carriage returns are dropped; what cannot be UTF-8 becomes `?`; the message ends in a line break.
    """
    lines = _clean_lines(title)
    body = "\n".join([*lines[1:], *_clean_lines(description)]).strip("\n")
    head = " ".join(lines[:1]).strip() or "Update"
    return f"{head}\n\n{body}\n" if body else f"{head}\n"


def _clean_lines(text: str) -> list[str]:
    """Return the lines of `text` without NUL, carriage returns and lone surrogates."""
    safe = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return safe.strip("\n").split("\n")


def _person_line(person: Person) -> str:
    """Return the part of an author or committer line after the word."""
    return f"{clean_name(person.name)} <{clean_email(person.email)}> {person.when} +0000"


def commit_object(tree: GitOid, parents: Iterable[GitOid], author: Person, committer: Person, message: str) -> bytes:
    """Return the body of a commit object; `message` is taken as it is, without NUL (see `clean_message`)."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_person_line(author)}", f"committer {_person_line(committer)}"]
    safe = message.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return ("\n".join(lines) + "\n\n" + safe).encode()


def commit_id(body: bytes) -> GitOid:
    """Return the id of the commit object with the given body."""
    return object_id("commit", body)
