"""The commit body parser: what it accepts, bounds and refuses."""

from __future__ import annotations

import base64
import json

import pytest

from hanse.content.commitlines import (
    CommitLine,
    CommitParser,
    DeletedFile,
    DeletedFolder,
    FileLine,
    Header,
    LfsLine,
)
from hanse.errors import BadCommit, BadDigest, BadPath, HanseError, TooLarge

HEADER = {"key": "header", "value": {"summary": "s", "description": "d"}}
OID = "ab" * 32


def _parse(*lines: object, step: int = 1 << 20, file: int = 1000, operations: int = 50, total: int = 1 << 20) -> list[CommitLine]:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    parser = CommitParser(max_file_bytes=file, max_operations=operations, max_bytes=total)
    out: list[CommitLine] = []
    for at in range(0, len(body), step):
        out.extend(parser.feed(body[at : at + step]))
    return [*out, *parser.finish()]


def _op(key: str, **value: object) -> dict[str, object]:
    return {"key": key, "value": value}


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_all_operations_in_any_pieces(step: int) -> None:
    """Every operation is understood, in order, however the body is cut by the network."""
    lines = (
        HEADER,
        _op("file", path="a/ü.txt", content=base64.b64encode(b"hello").decode(), encoding="base64"),
        _op("file", path="plain", content="text ü"),
        _op("lfsFile", path="m.bin", algo="sha256", oid=OID, size=5),
        _op("lfsFile", path="copy.bin", algo="sha256", oid=OID),
        _op("deletedFile", path="x"),
        _op("deletedFolder", path="a/"),
        b"",
    )
    assert _parse(*lines, step=step) == [
        Header("s", "d", None),
        FileLine("a/ü.txt", b"hello"),
        FileLine("plain", "text ü".encode()),
        LfsLine("m.bin", OID, 5),  # type: ignore[arg-type]
        LfsLine("copy.bin", OID, None),  # type: ignore[arg-type]
        DeletedFile("x"),
        DeletedFolder("a"),
    ]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a\\b", "a\0b", "a/./b", "a\nb"])
@pytest.mark.parametrize("key", ["file", "lfsFile", "deletedFile", "deletedFolder"])
def test_traversal_is_refused_in_every_operation(key: str, path: str) -> None:
    """No operation takes a path that could leave the repository."""
    extra = {"file": {"content": ""}, "lfsFile": {"oid": OID}}.get(key, {})
    with pytest.raises(BadPath):
        _parse(HEADER, _op(key, path=path, **extra))


def test_deep_json_is_refused_not_recursed() -> None:
    """Nesting far beyond the interpreter's stack is a refused line, in known and unknown fields."""
    deep = b"[" * 200_000 + b"]" * 200_000
    for line in (b'{"key":"file","value":' + deep + b"}", b'{"key":"file","x":' + deep + b',"value":{}}'):
        with pytest.raises((BadCommit, TooLarge)):
            _parse(HEADER, line, file=1 << 20)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([_op("deletedFile", path="x")], "header must be the first"),
        ([HEADER, HEADER], "second header"),
        ([HEADER, _op("copyFile", path="x")], "line 2 of the commit: unknown key"),
        ([HEADER, b"{not json"], "line 2"),
        ([HEADER, b"[1,2]"], "line 2"),
        ([HEADER, b'"text"'], "line 2"),
        ([HEADER, _op("file", path="x", content="@@@@", encoding="base64")], "base64"),
        ([HEADER, _op("file", path="x", content="", encoding="rot13")], "encoding"),
        ([HEADER, _op("file", path="x")], "line 2"),
        ([HEADER, _op("lfsFile", path="x", oid=OID, algo="md5")], "algorithm"),
        ([HEADER, _op("lfsFile", path="x", oid=OID, size=-1)], "negative"),
        ([b""], "header"),
        ([b"\xff\xfe"], "line 1"),
    ],
)
def test_malformed_lines_are_named(lines: list[object], text: str) -> None:
    """A line that is not understood is refused with its number and the reason."""
    with pytest.raises(BadCommit, match=text):
        _parse(*lines)


def test_bounds() -> None:
    """Whole body, line, file content, number of operations and texts are bounded while the body arrives."""
    big = base64.b64encode(b"x" * 2000).decode()
    for lines, bounds in (
        ([HEADER, _op("file", path="x", content=big, encoding="base64")], {"file": 1000}),
        ([HEADER, _op("file", path="x", content=big)], {"total": 500}),
        ([HEADER, *[_op("deletedFile", path="x")] * 3], {"operations": 2}),
        ([_op("header", summary="x" * 5000)], {}),
        ([HEADER, b"x" * 200_000], {}),
        ([b"x" * 200_000 + b"\n"], {}),
        ([HEADER, *[b""] * 300], {"operations": 50}),
    ):
        with pytest.raises(TooLarge):
            _parse(*lines, **bounds)


def test_digests_are_parsed() -> None:
    """A parent or oid that is no digest is refused."""
    for line in (_op("header", summary="s", parentCommit="main"), _op("header", summary="s", parentCommit="A" * 40)):
        with pytest.raises(BadDigest):
            _parse(line)
    with pytest.raises(HanseError):
        _parse(HEADER, _op("lfsFile", path="x", oid="../../etc"))
