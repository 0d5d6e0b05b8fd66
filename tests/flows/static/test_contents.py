"""The bytes of a site: every file can be read from it in any range, whatever its xorbs share, and nothing is read twice."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.nodes import commit, new_repo
from tests.support.proxies import nginx_files
from tests.support.rawxet import raw_file
from tests.support.uploads import noise, upload
from tests.support.xetflows import send_file

from hanse.db import blobs
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import NotFoundError, PeerMisbehaved
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.static.contents import write_contents
from hanse.flows.static.folder import FolderSink
from hanse.flows.static.output import Output
from hanse.flows.static.selection import Written
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, XetHash
from hanse.model.filepin import FilePin
from hanse.model.repo import Visibility
from hanse.model.staticlayout import reconstruction_path
from hanse.peers.bulk import BulkClient
from hanse.peers.staticplace import StaticPlace
from hanse.store.keys import chunk_list_key


def _rows(node: Node, repo: Repo) -> dict[int, FileRow]:
    """Return the files of a repository, by size."""
    with node.db.read() as conn:
        known = blobs.all_files(conn)
        return {row.size: row for row in blobs.find_by_xet(conn, repo.id, [one.xet for one in known]).values()}


def _write(node: Node, folder: Path, rows: dict[int, FileRow]) -> Written:
    written = Written()
    sink = FolderSink(folder)
    with sink.claimed(node.origin):
        write_contents(node, Output(sink, written), rows.values())
    return written


def _pin(row: FileRow) -> FilePin:
    return FilePin("file", row.size, GitOid("a" * 40), lfs=True, sha256=row.sha256, xet=row.xet)


def test_any_range(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A file over parts of others' xorbs, a small one and a compressed one are read whole; writing again writes nothing."""
    hidden = new_repo(lite, owner, "owner/hidden", Visibility.PRIVATE)
    parts = [noise(number, 200_000) for number in range(4)]
    commit(lite, owner, hidden, upload(lite, owner, hidden, "all", b"".join(parts)))
    mixed, small, words = parts[3] + noise(9, 70_000) + parts[1], b"small" * 30_000, b"compressible " * 20_000
    raw = raw_file(words)
    send_file(lite, owner, repo, raw)
    commit(lite, owner, repo, upload(lite, owner, repo, "mixed", mixed), PutBytes("small", small))
    rows = _rows(lite, repo)
    written = _write(lite, tmp_path / "site", rows)
    assert _write(lite, tmp_path / "site", rows).files == 0
    assert written.bytes < 2 * sum(rows)
    with nginx_files(tmp_path / "site", tmp_path / "nginx") as url, closing(BulkClient()) as client:
        place = StaticPlace(client, url)
        for data in (mixed, small, words):
            pin = _pin(rows[len(data)])
            assert b"".join(place.read(pin, 0, pin.size)) == data
            for start, end in ((0, 1), (70_000, 140_001), (pin.size - 1, pin.size), (5, 5)):
                assert b"".join(place.read(pin, start, end)) == data[start:end]
            assert place.chunk_list(pin) == lite.store.get(chunk_list_key(rows[len(data)].xet))
        with pytest.raises(NotFoundError):
            list(place.read(replace(_pin(rows[len(small)]), xet=XetHash("1" * 64)), 0, 5))


@pytest.mark.parametrize("spoil", [b"", b"{}", b"<html>", b'{"format":"hanse-static/1","size":5,"terms":[]}'])
def test_false_terms(lite: Node, owner: Actor, repo: Repo, tmp_path: Path, spoil: bytes) -> None:
    """A site whose terms are none misbehaves; xorbs whose frames are not what terms say do as well."""
    commit(lite, owner, repo, PutBytes("small", b"small" * 30_000))
    rows = _rows(lite, repo)
    _write(lite, tmp_path / "site", rows)
    row = rows[150_000]
    with nginx_files(tmp_path / "site", tmp_path / "nginx") as url, closing(BulkClient()) as client:
        terms = tmp_path / "site" / reconstruction_path(row.xet)
        good = terms.read_bytes()
        terms.write_bytes(spoil)
        with pytest.raises(PeerMisbehaved):
            list(StaticPlace(client, url).read(_pin(row), 0, 5))
        terms.write_bytes(good)
        for path in (tmp_path / "site" / "xorbs").iterdir():
            path.write_bytes(b"\7" * path.stat().st_size)
        with pytest.raises(PeerMisbehaved, match="unpacked"):
            list(StaticPlace(client, url).read(_pin(row), 0, 5))


def test_a_site_brought_up_to_date_meanwhile(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A reader who knows the terms of a file reads on when its xorb has another name now."""
    commit(lite, owner, repo, PutBytes("small", b"small" * 30_000))
    rows = _rows(lite, repo)
    _write(lite, tmp_path / "site", rows)
    pin = _pin(rows[150_000])
    with nginx_files(tmp_path / "site", tmp_path / "nginx") as url, closing(BulkClient()) as client:
        place = StaticPlace(client, url)
        assert list(place.read(pin, 0, 5)) == [b"small"]
        (old,) = (path for path in (tmp_path / "site" / "xorbs").iterdir() if path.stat().st_size > 100_000)
        terms = tmp_path / "site" / reconstruction_path(rows[150_000].xet)
        terms.write_text(terms.read_text().replace(old.name, "2" * 64))
        old.rename(old.with_name("2" * 64))
        assert list(place.read(pin, 5, 10)) == [b"small"]
