"""Hashing what lies on a machine: right digests, nothing read twice, no change missed."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.held import hold, pin_of, sha256_of

from hanse.content.gitobjects import blob_id
from hanse.flows.audit import hashing as module
from hanse.flows.audit.hashing import AuditHashing, Hashed, Wanted
from hanse.store.held import Held

LARGE = bytes(range(256)) * 12_000


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


@pytest.fixture(name="rested", autouse=True)
def _rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take files for settled at once: the time of an inode's change cannot be set back."""
    monkeypatch.setattr(module, "SETTLED_NS", -1)


def run(held: Held, *paths: Path, git: bool = False) -> dict[str, Hashed]:
    """Hash files."""
    return AuditHashing(held).run({str(path): Wanted((str(path),), git) for path in paths})


def test_digests(held: Held, tmp_path: Path) -> None:
    """SHA-256 of every file, with the git blob id where it is asked for; the empty file too."""
    for name, data in (("a", LARGE), ("b", b""), ("c", b"c" * (1 << 20))):
        path = tmp_path / name
        path.write_bytes(data)
        found = run(held, path, git=True)[str(path)]
        assert found.digests is not None
        assert (found.digests.sha256, found.digests.git_oid, found.size) == (sha256_of(data), blob_id(data), len(data))


def test_unchanged_is_not_read_again(held: Held, tmp_path: Path) -> None:
    """A second run reads nothing, until a file changes, or a digest is asked for that was not computed."""
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    assert run(held, path)[str(path)].read == len(LARGE)
    assert run(held, path)[str(path)].read == 0
    assert run(held, path, git=True)[str(path)].read == len(LARGE)
    assert run(held, path, git=True)[str(path)].read == 0
    path.write_bytes(LARGE[:-1] + b"x")
    os.utime(path, (0, 0))
    found = run(held, path)[str(path)]
    assert found.digests is not None
    assert (found.read, found.digests.sha256) == (len(LARGE), sha256_of(LARGE[:-1] + b"x"))


def test_one_file_among_many(held: Held, tmp_path: Path) -> None:
    """What is known of a few files is found without what is known of those beside them; below a folder all is found."""
    paths = [tmp_path / name for name in ("a", "b", "c\udcff")]
    for path in paths:
        path.write_bytes(LARGE)
    run(held, *paths)
    assert held.adopted_among([str(paths[2]), str(tmp_path / "none")]).keys() == {str(paths[2])}
    assert held.adopted(str(tmp_path)).keys() == set(map(str, paths))


def test_what_was_hashed_is_found(held: Held, tmp_path: Path) -> None:
    """What an audit hashed is held from then on, where it lies."""
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    run(held, path)
    found = held.find(pin_of(LARGE))
    assert found is not None
    assert (found.path, found.adopted) == (path, True)


def test_a_fresh_file_is_not_noted(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changed a moment before it was hashed is hashed, and hashed again the next time."""
    monkeypatch.setattr(module, "SETTLED_NS", 10**12)
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    assert run(held, path)[str(path)].digests is not None
    assert run(held, path)[str(path)].read == len(LARGE)


def test_a_file_in_parts(held: Held, tmp_path: Path) -> None:
    """A file that lies in several parts has the digests of the whole."""
    for number in range(3):
        (tmp_path / str(number)).write_bytes(LARGE)
    found = AuditHashing(held).run({"x": Wanted([str(tmp_path / str(number)) for number in range(3)], git=True)})["x"]
    assert found.digests is not None
    assert (found.digests.sha256, found.digests.git_oid) == (sha256_of(3 * LARGE), blob_id(3 * LARGE))


def test_what_cannot_be_read(held: Held, tmp_path: Path) -> None:
    """Links, pipes and missing files are told with their reason and never waited for."""
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    found = run(held, tmp_path / "link", tmp_path / "pipe", tmp_path / "none")
    assert all(one.digests is None and one.problem for one in found.values())


def test_many_small_files(held: Held, tmp_path: Path) -> None:
    """Several threads settle every file once, and count every byte once."""
    for number in range(300):
        (tmp_path / f"{number:03}.txt").write_bytes(b"%d" % number)
    counted: list[int] = []
    paths = sorted(tmp_path.glob("*.txt"))
    wanted = {str(path): Wanted((str(path),)) for path in paths}
    found = AuditHashing(held, advance=counted.append, threads=4).run(wanted)
    assert [found[str(path)].digests.sha256 for path in paths] == [  # type: ignore[union-attr]
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    assert sum(counted) == sum(path.stat().st_size for path in paths)


def test_rehash_reads_everything(held: Held, tmp_path: Path) -> None:
    """Nothing that was noted is believed if everything is to be read; the store's own files are not touched."""
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    hold(held, b"own")
    run(held, path)
    again = AuditHashing(held, rehash=True).run({str(path): Wanted((str(path),))})
    assert again[str(path)].read == len(LARGE)


def test_what_is_hashed_is_noted_while_the_rest_is_read(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit that is ended half-way has noted what it had hashed."""
    monkeypatch.setattr(module, "NOTED_AT_ONCE", 1)
    monkeypatch.setattr(module, "SETTLED_NS", -(10**15))
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    begin, noted = module._Reading.begin, list[int]()

    def waiting(reading: module._Reading) -> bool:
        for _ in range(6000 if noted else 0):
            if held.adopted(str(tmp_path)):
                break
            time.sleep(0.02)
        noted.append(len(held.adopted(str(tmp_path))))
        return begin(reading)

    monkeypatch.setattr(module._Reading, "begin", waiting)
    AuditHashing(held, threads=1).run({name: Wanted((str(tmp_path / name),)) for name in ("a", "b")})
    assert noted == [0, 1]


@pytest.mark.parametrize("git", [False, True])
def test_what_is_expected_is_read_once(held: Held, tmp_path: Path, *, git: bool) -> None:
    """A file that is hashed before it is asked for is not read again, unless one digest more is asked for."""
    path, counted = tmp_path / "a", list[int]()
    path.write_bytes(LARGE)
    hashing = AuditHashing(held, advance=counted.append)
    hashing.below(str(tmp_path))
    for _ in range(2):
        hashing.expect(str(path), path.stat(), git=False)
    found = hashing.run({str(path): Wanted((str(path),), git)})[str(path)].digests
    assert found is not None
    assert (found.sha256, found.git_oid) == (sha256_of(LARGE), blob_id(LARGE) if git else None)
    assert counted == [len(LARGE)] * (2 if git else 1)


def test_what_is_expected_elsewhere_waits(held: Held, tmp_path: Path) -> None:
    """A file outside the folder is hashed when it is asked for, and what is known of it counts."""
    path = tmp_path / "a"
    path.write_bytes(LARGE)
    run(held, path)
    hashing = AuditHashing(held)
    hashing.below(str(tmp_path / "b"))
    hashing.expect(str(path), path.stat(), git=False)
    assert hashing.run({str(path): Wanted((str(path),))})[str(path)].read == 0


def test_nobody_asks_after_all(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing ends the threads although not everything that was expected was hashed."""
    monkeypatch.setattr(module, "PUSHED_AT_ONCE", 1)
    before = threading.active_count()
    hashing = AuditHashing(held)
    hashing.below(str(tmp_path))
    for number in range(50):
        path = tmp_path / str(number)
        path.write_bytes(LARGE)
        hashing.expect(str(path), path.stat(), git=False)
    hashing.close()
    assert threading.active_count() == before
