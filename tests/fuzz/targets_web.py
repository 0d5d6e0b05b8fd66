"""Fuzz targets of the web layer: Range headers, and raw request paths on every route of the node."""

from __future__ import annotations

from tests.fuzz.runner import Target

from hanse.errors import HanseError
from hanse.model.repo import Origin, RepoType, parse_path, parse_ref_part, parse_repo_id
from hanse.web.ranges import parse_ranges, single_range
from hanse.web.routing import Table, split_raw_path
from hanse.web.table import all_routes

_PATH_WORDS = (
    b"/",
    b"%2F",
    b"%2f",
    b"..",
    b"%2e%2e",
    b"%252e",
    b"%00",
    b"%5c",
    b"\\",
    b"%c0%af",
    b"//",
    b"resolve",
    b"tree",
    b"main",
    b"api",
    b"models",
    b"datasets",
    b"o",
    b"%EF%BC%8F",
    b"%ED%A0%80",
    b"gpt2",
    b"%",
    b"%zz",
    b"?",
    b"#",
    b".git",
)


def range_header(data: bytes) -> None:
    """Read a Range header: whatever it says, only bytes that exist come out."""
    text = data.decode("latin-1")
    refusals = 0
    for size in (0, 1, 1000, 1 << 63):
        try:
            for start, end in parse_ranges(text, size) or []:
                assert 0 <= start < end <= size
            single_range(text, size)
        except HanseError:
            refusals += 1
    assert refusals <= 4


_TABLE = Table(all_routes(), {"gpt2": "openai-community/gpt2"})


def raw_path(data: bytes) -> None:
    """Read a raw request path: split, routed and parsed into names; what passes cannot leave a repository."""
    segments = split_raw_path(data)
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        found = _TABLE.find(method, segments)
        if isinstance(found, set):
            continue
        for name, value in found[1].items():
            _parse_param(name, value)


def _parse_param(name: str, value: str) -> None:
    try:
        if name == "repo":
            found = parse_repo_id(Origin("o"), RepoType.MODEL, value)
            assert found.path.isascii()
            assert found.path.count("/") == 1
            assert ".." not in found.path
        elif name == "path":
            path = parse_path(value)
            assert not {"", ".", ".."} & set(path.split("/"))
            assert not {"\0", "\\"} & set(path)
        elif name in ("rev", "branch"):
            parse_ref_part(value).encode()
    except HanseError:
        return


def _paths() -> list[bytes]:
    patterns_of_routes = {route.pattern for route in all_routes()}
    fill = {"{kind}": "models", "{repo}": "alice/model", "{path*}": "a/b.txt", "{rev}": "refs%2Fpr%2F1"}
    made = []
    for pattern in sorted(patterns_of_routes):
        for name, value in fill.items():
            pattern = pattern.replace(name, value)  # noqa: PLW2901 one address is filled in step by step
        made.append(pattern.encode())
    return made


WEB_TARGETS: dict[str, Target] = {
    "range": Target(
        range_header,
        [b"bytes=0-0", b"bytes=5-", b"bytes=-5", b"bytes=0-1,5-9,20-", b"items=1-2", b""],
        (b"bytes=", b"-", b",", b"0-", b" ", b"\t", b"\xb2", b"99999999999999999999"),
    ),
    "raw_path": Target(raw_path, _paths(), _PATH_WORDS),
}
