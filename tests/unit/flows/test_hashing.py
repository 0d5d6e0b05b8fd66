"""Many files through few threads: each settled once, by its own digest, however they are spread."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import mmap
import random
import sys
import threading
import time
from collections.abc import Callable

import pytest

from hanse.content.lanes import LANES
from hanse.errors import StorageError
from hanse.flows import hashing
from hanse.flows.hashing import LANE_PIECE, LANE_READ, PIECE, HashingThreads, lanes_pay, short_turns

PAYS = (2, 8, LANES + 1)
ENDS = (0, 1, 63, 64, LANE_PIECE - 1, LANE_PIECE, LANE_PIECE + 1)
UNEVEN = (*ENDS, 3 * LANE_PIECE, LANE_READ, LANE_READ + 1, 2 * LANE_READ + LANE_PIECE + 77)


class Content:
    """A file in memory. said: how long it claims to be; breaks: after how many bytes reading fails; opens: whether it can."""

    def __init__(self, data: bytes, *, said: int | None = None, breaks: int | None = None, opens: bool | None = True) -> None:
        self.data = data
        self.size = len(data) if said is None else said
        self.over = False
        self.settled: list[str] = []
        self.at = 0
        self.hold: Callable[[], object] = lambda: None
        self._breaks, self._opens = breaks, opens

    def begin(self) -> bool:
        """Open it: None stands for one that cannot be opened, False for one that is known."""
        if self._opens is None:
            raise OSError(2, "no such file")
        if not self._opens:
            self.settled.append("known")
        return self._opens

    def read(self, buffer: memoryview) -> int:
        """Fill the buffer."""
        self.hold()
        if self._breaks is not None and self.at >= self._breaks:
            raise OSError(5, "the disk is broken")
        piece = self.data[self.at : self.at + len(buffer)]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        self.over = not piece or self.at == len(self.data)
        return len(piece)

    def end(self, sha256: str) -> None:
        """Note the digest."""
        self.settled.append(sha256)

    def fail(self, error: OSError | None) -> None:
        """Note why there is none."""
        self.settled.append(str(error.strerror) if error else "dropped")

    @property
    def right(self) -> str:
        """Return the digest of the whole."""
        return hashlib.sha256(self.data).hexdigest()


def contents(count: int, sizes: tuple[int, ...] = UNEVEN) -> list[Content]:
    """Make files of these sizes in turn, each with bytes of its own."""
    rng = random.Random(count)
    return [Content(rng.randbytes(size)) for size in itertools.islice(itertools.cycle(sizes), count)]


def run(files: list[Content], *, threads: int, pays: int) -> None:
    """Hash files to the end."""
    pool = HashingThreads(threads=threads, pays=pays)
    pool.give(files)
    pool.close()
    assert pool.wait()


@pytest.mark.parametrize(("threads", "pays"), list(itertools.product((1, 2, 5), PAYS)))
@pytest.mark.parametrize("count", [0, 1, 9, 17, 60])
def test_every_file_once(count: int, threads: int, pays: int) -> None:
    """Every file has its own digest and is settled once, with few and many files and threads, on lanes and without."""
    files = contents(count)
    run(files, threads=threads, pays=pays)
    assert [one.settled for one in files] == [[one.right] for one in files]


def test_the_size_only_orders() -> None:
    """A false size changes the order and nothing else."""
    files = [Content(b"%d" % number * 300_000, said=number % 3) for number in range(LANES)]
    run(files, threads=1, pays=2)
    assert [one.settled for one in files] == [[one.right] for one in files]


def test_what_cannot_be_read() -> None:
    """A file that cannot be opened, or fails in the middle, is settled with its reason, and the others are not touched by it."""
    for threads, pays in itertools.product((1, 3), PAYS):
        files = contents(30, (3 * LANE_PIECE,))
        files[4] = Content(b"", opens=None)
        files[11] = Content(b"x" * 10, opens=False)
        files[17] = Content(b"x" * 3 * PIECE, breaks=PIECE)
        run(files, threads=threads, pays=pays)
        wanted = [[one.right] for one in files]
        wanted[4], wanted[11], wanted[17] = ["no such file"], ["known"], ["the disk is broken"]
        assert [one.settled for one in files] == wanted


def test_idle_threads_take_over() -> None:
    """A thread that has nothing to do goes on with a file from another's lanes: no file waits for the rest of its lanes."""
    pool, files = HashingThreads(threads=2, pays=2), contents(LANES, (10 * LANE_READ,))
    seen: dict[int, set[int]] = {number: set() for number in range(LANES)}
    first: dict[str, int] = {}

    def hold(number: int) -> None:
        me = threading.get_ident()
        seen[number].add(me)
        # Whichever thread comes here first goes on when the other one has nothing to do, whatever that began with.
        if files[number].at >= LANE_READ and first.setdefault("thread", me) == me:
            until = time.monotonic() + 60
            while not pool._idle and all(len(one) == 1 for one in seen.values() if one) and time.monotonic() < until:
                time.sleep(0.001)

    for number, one in enumerate(files):
        one.hold = lambda number=number: hold(number)  # type: ignore[misc]
    pool.give(files)
    pool.close()
    assert pool.wait(120)
    assert any(len(one) > 1 for one in seen.values())
    assert [one.settled for one in files] == [[one.right] for one in files]


@pytest.mark.parametrize("pays", PAYS)
def test_stopping(pays: int) -> None:
    """After a stop every file that was begun is closed without a digest, or had its own; nothing else is read."""
    pool, begun = HashingThreads(threads=2, pays=pays), threading.Event()
    files = contents(60, (20 * LANE_PIECE,))
    for one in files:
        one.hold = begun.set
    pool.give(files)
    assert begun.wait(60)
    pool.stop()
    assert pool.wait(60)
    assert all(one.settled in ([one.right], ["dropped"]) for one in files if one.at)


def test_more_files_later() -> None:
    """Files that come while threads wait are hashed; threads end only after the end was said."""
    pool, files = HashingThreads(threads=2, pays=2), contents(20)
    pool.give(files[:10])
    while not all(one.settled for one in files[:10]):
        assert not pool.wait(0.01)
    pool.give(files[10:])
    pool.close()
    assert pool.wait()
    assert [one.settled for one in files] == [[one.right] for one in files]


def test_a_fault_of_hashing_itself_is_told() -> None:
    """An error that no file explains is raised, so that files without a digest never pass for settled ones."""
    files = contents(3)

    def fault() -> None:
        raise RuntimeError("a fault")

    files[1].hold = fault
    pool = HashingThreads(threads=2)
    pool.give(files)
    pool.close()
    with pytest.raises(StorageError, match="a fault"):
        pool.wait()


def test_lanes_are_used_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured decides: half the time for all lanes pays from half of them on, a wrong digest never."""

    def measured(together: float, apart: float) -> int:
        ticks = iter([0.0, together] * 3 + [0.0, apart] * 3)
        return lanes_pay.__wrapped__(lambda: next(ticks))

    assert (measured(1, 2), measured(1, 16), measured(3, 2), measured(1, 0)) == (LANES // 2 + 1, 2, 25, LANES + 1)
    monkeypatch.setattr("hanse.flows.hashing.hashlib.sha256", hashlib.sha224)
    assert measured(1, 16) == LANES + 1


def test_the_lanes_buffers() -> None:
    """No lane writes into another's bytes, and none begins at the same place of its page as another."""
    many = hashing._Many(HashingThreads())
    for lane, buffer in enumerate(many._buffers):
        buffer[:] = bytes([lane]) * LANE_READ
    assert [bytes(one) for one in many._buffers] == [bytes([lane]) * LANE_READ for lane in range(LANES)]
    places = {ctypes.addressof(ctypes.c_char.from_buffer(one)) % mmap.PAGESIZE for one in many._buffers}
    assert len(places) == LANES
    assert {one % 64 for one in places} == {0}


def test_short_turns() -> None:
    """Turns are short meanwhile and as they were afterwards, and never longer than they were."""
    before = sys.getswitchinterval()
    with short_turns():
        short = sys.getswitchinterval()
        with short_turns():
            assert sys.getswitchinterval() == short
    assert short < before == sys.getswitchinterval()
