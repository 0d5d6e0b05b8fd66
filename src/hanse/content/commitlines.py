"""The commit body: newline-delimited JSON, parsed while it arrives (hub-api.md A.5).

Each line is `{"key": ..., "value": {...}}`: one `header` first, then operations in the order they are applied. Memory is
bounded by the longest allowed line; depth by the parser, which refuses what it cannot nest.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from hanse.errors import BadCommit, TooLarge
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.repo import parse_path

MAX_TITLE = 1000
MAX_BODY = 65_536
_LINE_SLACK = 64 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header:
    """Title and body of the commit, and the head it was made against, if the client said so."""

    title: str
    body: str
    parent: GitOid | None


@dataclass(frozen=True, slots=True)
class FileLine:
    """A regular file with its content."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LfsLine:
    """A file uploaded before, named by its SHA-256; size None: whatever that file has (copies)."""

    path: str
    sha256: Sha256
    size: int | None


@dataclass(frozen=True, slots=True)
class DeletedFile:
    """A file that goes."""

    path: str


@dataclass(frozen=True, slots=True)
class DeletedFolder:
    """A folder that goes with all it holds; path without trailing slash."""

    path: str


CommitLine = Header | FileLine | LfsLine | DeletedFile | DeletedFolder
"""One parsed line."""


class _Line(msgspec.Struct):
    key: str
    value: msgspec.Raw


class _HeaderValue(msgspec.Struct, rename="camel"):
    summary: str
    description: str | None = None
    parent_commit: str | None = None


class _FileValue(msgspec.Struct):
    path: str
    content: str
    encoding: str = "utf-8"


class _LfsValue(msgspec.Struct):
    path: str
    oid: str
    algo: str = "sha256"
    size: int | None = None


class _PathValue(msgspec.Struct):
    path: str


_LINE = msgspec.json.Decoder(_Line)
_HEADER = msgspec.json.Decoder(_HeaderValue)
_FILE = msgspec.json.Decoder(_FileValue)
_LFS = msgspec.json.Decoder(_LfsValue)
_PATH = msgspec.json.Decoder(_PathValue)


class CommitParser:
    """Incremental parser: `feed` yields the operations that became complete, `finish` the last one.

    max_file_bytes: bound of one file's content; max_operations: bound of their number; max_bytes: bound of the whole body.
    Raises BadCommit (naming the line), BadPath, BadDigest or TooLarge.
    """

    def __init__(self, *, max_file_bytes: int, max_operations: int, max_bytes: int) -> None:
        self._max_file = max_file_bytes
        self._max_line = max_file_bytes * 4 // 3 + _LINE_SLACK
        self._max_operations = max_operations
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0
        self.line = 0
        self.operations = 0
        self.header: Header | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[CommitLine]:
        """Take the next bytes of the body and yield the lines they complete, the header included."""
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(
                f"a commit may have at most {self._max_bytes} bytes", hint="split it, or send large files by Xet or LFS"
            )
        self._buffer += data
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            yield from self._parsed(line)
        self._searched = len(self._buffer)
        self._check_line(len(self._buffer))

    def finish(self) -> Iterator[CommitLine]:
        """Yield what stands after the last line break; raises BadCommit if there was no header."""
        line = bytes(self._buffer)
        self._buffer.clear()
        yield from self._parsed(line)
        if self.header is None:
            raise BadCommit("a commit needs a header line", hint='send {"key":"header","value":{"summary":"..."}} first')

    def _check_line(self, size: int) -> None:
        if size > self._max_line:
            raise TooLarge(
                f"line {self.line + 1} of the commit is too long: files over {self._max_file} bytes must be sent by Xet or LFS"
            )

    def _parsed(self, line: bytes) -> Iterator[CommitLine]:
        self._check_line(len(line))
        self.line += 1
        if not line.strip():
            if self.line > 2 * self._max_operations + 100:  # each costs time, however short it is
                raise TooLarge("a commit may not have more empty lines than operations", hint="send no empty lines")
            return
        outer = self._decode(line, _LINE)
        if outer.key == "header":
            yield self._header(self._decode(outer.value, _HEADER))
            return
        if self.header is None:
            raise self._bad("the header must be the first line")
        self.operations += 1
        if self.operations > self._max_operations:
            raise TooLarge(f"a commit may have at most {self._max_operations} operations", hint="split it into several commits")
        yield self._operation(outer)

    def _operation(self, outer: _Line) -> CommitLine:
        if outer.key == "file":
            return self._file(self._decode(outer.value, _FILE))
        if outer.key == "lfsFile":
            return self._lfs(self._decode(outer.value, _LFS))
        if outer.key == "deletedFile":
            return DeletedFile(parse_path(self._decode(outer.value, _PATH).path))
        if outer.key == "deletedFolder":
            return DeletedFolder(parse_path(self._decode(outer.value, _PATH).path.removesuffix("/")))
        raise self._bad(f"unknown key {outer.key[:40]!r}; known are header, file, lfsFile, deletedFile, deletedFolder")

    def _header(self, value: _HeaderValue) -> Header:
        if self.header is not None:
            raise self._bad("a second header")
        title = value.summary.strip() or "Upload files"
        body = value.description or ""
        if len(title) > MAX_TITLE or len(body) > MAX_BODY:
            raise TooLarge(f"a commit title may have {MAX_TITLE} characters and its description {MAX_BODY}")
        if "\0" in title + body:
            raise self._bad("a commit message must not contain NUL")
        parent = parse_git_oid(value.parent_commit) if value.parent_commit else None
        self.header = Header(" ".join(title.split("\n")), body, parent)
        return self.header

    def _file(self, value: _FileValue) -> FileLine:
        if value.encoding not in ("base64", "utf-8", "utf8"):
            raise self._bad(f"unknown encoding {value.encoding[:40]!r}; use base64")
        try:
            data = (
                binascii.a2b_base64(value.content, strict_mode=True)
                if value.encoding == "base64"
                else value.content.encode("utf-8")
            )
        except ValueError as error:
            raise self._bad("the content is not valid base64") from error
        if len(data) > self._max_file:
            raise TooLarge(
                f"{value.path[:200]!r} is too large for a commit: send files over {self._max_file} bytes by Xet or LFS"
            )
        return FileLine(parse_path(value.path), data)

    def _lfs(self, value: _LfsValue) -> LfsLine:
        if value.algo != "sha256":
            raise self._bad(f"unknown digest algorithm {value.algo[:40]!r}; use sha256")
        if value.size is not None and value.size < 0:
            raise self._bad("a size must not be negative")
        return LfsLine(parse_path(value.path), parse_sha256(value.oid), value.size)

    def _decode(self, raw: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._bad(f"not a valid commit line: {error}") from error

    def _bad(self, what: str) -> BadCommit:
        return BadCommit(f"line {self.line} of the commit: {what}")
