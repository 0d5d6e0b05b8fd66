"""Facts are made while content comes in, once, and later where they are missing."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.support.clamd import FakeClamd
from tests.support.nodes import commit, new_repo
from tests.support.rawxet import raw_file
from tests.support.scanning import ODD
from tests.support.xetflows import send_file, send_xorb

from hanse.db import blobs, scans
from hanse.db.scans import ScanRow
from hanse.db.schema_scans import scans as table
from hanse.errors import DigestMismatch
from hanse.flows import scans as flow
from hanse.flows.file_ingest import FileIngest
from hanse.flows.inspect import hash_file
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.read import TermSource
from hanse.flows.small_files import store_small_files
from hanse.jobs.pool import parse_facts, stopped_facts
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.versions import SCANNER
from hanse.store.keys import blob_key


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues in tests/unit/db."""
    return lite


def _digest(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def _stored(node: Node, data: bytes) -> ScanRow | None:
    with node.db.read() as conn:
        return scans.get(conn, [_digest(data)]).get(_digest(data))


def _check(node: Node, data: bytes) -> None:
    row = _stored(node, data)
    assert row is not None
    found = flow.load(row)
    assert found is not None
    assert found.to_json() == parse_facts(zlib.decompress(row.facts)).to_json()
    assert found.to_json() == parse_facts(_facts(data)).to_json()


def _facts(data: bytes) -> bytes:
    from hanse.model.canonical import canonical

    return canonical(extract(BytesSource(data)).to_json())


def test_every_way_in_leaves_facts(scanned: Node, alice: Actor) -> None:
    """Xet files, LFS streams and small files have facts when they are known; those are the engine's."""
    repo = new_repo(scanned, alice, "alice/m")
    xet = raw_file(b"GGUF" + random.Random(1).randbytes(300_000))
    send_file(scanned, alice, repo, xet)
    lfs = b"GGUF" + random.Random(2).randbytes(300_000)
    with FileIngest(scanned, alice, repo, sha256=_digest(lfs), size=len(lfs)) as ingest:
        ingest.feed(lfs)
        ingest.finish()
    small = [b"", b"a", b"GGUF" * 10, bytes(9 * 1024 * 1024)]
    store_small_files(scanned, repo, alice, small)
    for data in (xet.data, lfs, *small):
        _check(scanned, data)


def test_known_content_is_not_scanned_again(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second commit of the same bytes, under whatever name, asks no worker."""
    repo = new_repo(scanned, alice, "alice/m")
    commit(scanned, alice, repo, PutBytes("a.txt", b"same"))
    assert scanned.scanning is not None
    monkeypatch.setattr(scanned.scanning, "pool", None)
    commit(scanned, alice, repo, PutBytes("b.txt", b"same"))


def test_missing_facts_are_made_when_needed(scanned: Node, alice: Actor) -> None:
    """Content from before the scanner is read when somebody needs its facts, whole or from xorbs."""
    repo = new_repo(scanned, alice, "alice/m")
    xet = raw_file(random.Random(3).randbytes(200_000))
    send_file(scanned, alice, repo, xet)
    store_small_files(scanned, repo, alice, [ODD, b""])
    with scanned.db.write() as conn:
        conn.execute(delete(table))
    found = flow.facts_of(scanned, [_digest(xet.data), _digest(ODD), _digest(b""), _digest(b"never seen")])
    assert {digest: facts.size for digest, facts in found.items()} == {
        _digest(xet.data): len(xet.data),
        _digest(ODD): len(ODD),
        _digest(b""): 0,
    }
    _check(scanned, xet.data)


def test_bad_luck_is_tried_again_later(scanned: Node, alice: Actor) -> None:
    """Facts that ended for a reason of the machine's are made again after ten minutes, not at once."""
    repo = new_repo(scanned, alice, "alice/m")
    store_small_files(scanned, repo, alice, [ODD])
    now = scanned.clock.now()
    for age, reason in ((10, "time"), (601, None)):
        row = ScanRow(_digest(ODD), SCANNER, len(ODD), zlib.compress(stopped_facts(len(ODD), "time")), None, now - age)
        with scanned.db.write() as conn:
            scans.put(conn, [row])
        assert flow.facts_of(scanned, [_digest(ODD)])[_digest(ODD)].views[0].stopped == reason


def test_damaged_facts_count_as_none(scanned: Node) -> None:
    """Rows that do not parse, or would inflate without end, are no facts."""
    good = ScanRow(_digest(b""), SCANNER, 0, zlib.compress(b"{}"), None, 0)
    bomb = zlib.compress(bytes(100 * 1024 * 1024))
    for facts in (b"", b"nonsense", good.facts, bomb):
        assert flow.load(ScanRow(_digest(b""), SCANNER, 0, facts, None, 0)) is None


def test_unreadable_bytes_are_told(scanned: Node, alice: Actor) -> None:
    """A damaged object is no reason to stop the background work."""
    repo = new_repo(scanned, alice, "alice/m")
    (row,) = store_small_files(scanned, repo, alice, [ODD])
    scanned.store.delete(blob_key(row.sha256))
    assert not flow.try_scan(scanned, row)
    with scanned.db.read() as conn:
        assert blobs.get_by_sha256(conn, [row.sha256])


def test_clamd_is_heard_and_never_the_gate(scanned: Node, alice: Actor, tmp_path: Path) -> None:
    """What clamd says stands beside the facts, whether the content comes by Xet, as a stream or in a commit."""
    daemon = FakeClamd(tmp_path / "clamd.ctl")
    daemon.start()
    assert scanned.scanning is not None
    scanned.scanning.clamd = daemon.address
    repo = new_repo(scanned, alice, "alice/m")
    xet = raw_file(b"EICAR" + random.Random(9).randbytes(150_000))
    send_file(scanned, alice, repo, xet)
    lfs = b"fine" + random.Random(10).randbytes(150_000)
    with FileIngest(scanned, alice, repo, sha256=_digest(lfs), size=len(lfs)) as ingest:
        ingest.feed(lfs)
        ingest.finish()
    commit(scanned, alice, repo, PutBytes("a.txt", b"EICAR here"))
    for data, status in ((xet.data, "unsafe"), (lfs, "safe"), (b"EICAR here", "unsafe")):
        row = _stored(scanned, data)
        assert row is not None
        assert row.others is not None
        assert json.loads(row.others)["av"]["status"] == status
    daemon.stop()


def test_clamd_is_hung_up_on_when_a_file_comes_to_nothing(scanned: Node, alice: Actor, tmp_path: Path) -> None:
    """A false claim about a file ends its stream there and then, not when memory is tidied."""
    daemon = FakeClamd(tmp_path / "clamd.ctl")
    daemon.start()
    assert scanned.scanning is not None
    scanned.scanning.clamd = daemon.address
    hook = flow.ScanHook(scanned.scanning)
    scanned.transfers.hook = lambda: hook
    repo = new_repo(scanned, alice, "alice/m")
    xet = raw_file(random.Random(11).randbytes(150_000))
    send_xorb(scanned, repo, xet.xorb, xet.xorb_bytes)
    source = TermSource(scanned.store, scanned.transfers.tables, xet.block.terms)
    with pytest.raises(DigestMismatch):
        hash_file(scanned, source, xet.file, _digest(b"something else"))
    assert hook._clam is not None
    assert hook._clam.closed
    assert daemon.streams == []
    daemon.stop()
