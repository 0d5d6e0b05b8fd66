"""Reading exports of others: nothing but plain files inside, each once, and bounded."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.errors import BadFormat, BlobNotFound, HanseError, InputError, TooLarge
from hanse.flows.leaving import sources
from hanse.flows.leaving.sources import open_export, pieces, small
from hanse.model.staticlayout import StaticPath

A = StaticPath("log/a")


def _archive(path: Path, *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for member, data in members:
            member.size = len(data) if member.isreg() else member.size
            archive.addfile(member, io.BytesIO(data))
    return path


def _member(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_what_others_packed_again(tmp_path: Path, form: int) -> None:
    """An export that was unpacked and packed again, with folders and times, has the same files."""
    folder = _member("./log/", type=tarfile.DIRTYPE)
    path = _archive(tmp_path / "x.tar", (folder, b""), (_member("./log/a", mtime=123.5), b"data"), form=form)
    with open_export(path) as source:
        assert (source.sizes, source.name) == ({A: 4}, "x.tar")
        assert b"".join(pieces(source, A)) == b"data"


HOSTILE: list[Callable[[Path], object]] = [
    lambda path: _archive(path, (_member("../evil"), b"x")),
    lambda path: _archive(path, (_member("/etc/evil"), b"x")),
    lambda path: _archive(path, (_member("a/../../evil"), b"x")),
    lambda path: _archive(path, (_member("a//b"), b"x")),
    lambda path: _archive(path, (_member(".hidden"), b"x")),
    lambda path: _archive(path, (_member("log/a", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
    lambda path: _archive(path, (_member("log/a", type=tarfile.LNKTYPE, linkname="log/b"), b"")),
    lambda path: _archive(path, (_member("log/a", type=tarfile.FIFOTYPE), b"")),
    lambda path: _archive(path, (_member("log/a"), b"x"), (_member("log/a"), b"y")),
    lambda path: _archive(path, (_member("log/a"), b"x"), (_member("./log/a"), b"y")),
    lambda path: _archive(path, (_member("n" * 300), b"x")),
    lambda path: _archive(path, (_member("..", type=tarfile.DIRTYPE), b"")),
    lambda path: path.write_bytes(_archive(path, (_member("log/a"), b"x")).read_bytes()[:700]),
    lambda path: path.write_bytes(_archive(path, (_member("log/a"), b"x")).read_bytes() + b"more"),
    lambda path: path.write_bytes(b"no archive at all"),
    lambda path: path.write_bytes(b""),
]


@pytest.mark.parametrize("make", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_hostile_archives_are_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """Paths that lead out, links, pipes, names that are there twice, cut archives and things behind the end raise."""
    make(tmp_path / "x.tar")
    with pytest.raises((BadFormat, InputError)):
        open_export(tmp_path / "x.tar")


def test_a_size_that_reaches_beyond_the_end(tmp_path: Path) -> None:
    """What a header says of a size is compared with the archive."""
    header = _member("log/a", size=10_000_000).tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "x.tar").write_bytes(header + bytes(2048))
    with pytest.raises(BadFormat):
        open_export(tmp_path / "x.tar")


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe", "name"])
def test_hostile_folders_are_refused(tmp_path: Path, kind: str) -> None:
    """A link, a pipe, or a name out of the layout in a folder raises before anything is read."""
    (tmp_path / "out").mkdir()
    match kind:
        case "link":
            (tmp_path / "out" / "a").symlink_to("/etc/passwd")
        case "folder link":
            (tmp_path / "out" / "log").symlink_to("/etc")
        case "pipe":
            os.mkfifo(tmp_path / "out" / "a")
        case _:
            (tmp_path / "out" / "b c").write_text("x")
    with pytest.raises(BadFormat):
        open_export(tmp_path / "out")


def test_what_is_not_there(tmp_path: Path) -> None:
    """Files that an export does not have, ones that are too large, and links that came later raise."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a").write_bytes(b"12345")
    with open_export(tmp_path) as source:
        assert small(source, A, 5) == b"12345"
        with pytest.raises(TooLarge):
            small(source, A, 4)
        with pytest.raises(BlobNotFound):
            small(source, StaticPath("b"), 4)
        with pytest.raises(BlobNotFound):
            source.read(StaticPath("b"))
        with pytest.raises(BlobNotFound):
            list(pieces(source, StaticPath("b")))
        (tmp_path / "log" / "a").unlink()
        (tmp_path / "log" / "a").symlink_to("/etc/passwd")
        with pytest.raises(HanseError):
            source.read(A)
    with pytest.raises(InputError):
        open_export(tmp_path / "none")


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than an export may have are not listed."""
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text("x")
    with pytest.raises(TooLarge):
        open_export(tmp_path)
    _archive(tmp_path / "x.tar", *((_member(name), b"x") for name in "abc"))
    with pytest.raises(TooLarge):
        open_export(tmp_path / "x.tar")
