"""Files on their way: what was marked and flushed survives a kill, nothing else counts, and nothing half is ever visible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from tests.support.held import pin_of, sha256_of

from hanse.store.held import Held
from hanse.store.held.partial import FLUSH_BYTES, Partial

DATA = bytes(range(256)) * 4096
KILLED = """
import os, sys, signal
from pathlib import Path
from hanse.store.held import Held
from tests.support.held import pin_of
data = bytes(range(256)) * 4096
held = Held.open(Path(sys.argv[1]))
partial = held.begin(pin_of(data))
partial.write(0, data[:65536])
partial.mark(0, 65536)
partial.keep_chunk_list(b"chunks")
partial.flush()
partial.write(65536, data[65536:131072])
partial.mark(65536, 131072)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_fetch_is_resumed(held: Held) -> None:
    """After kill -9 exactly the flushed ranges and the chunk list are there, and the lock is free."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(held.folder)], check=False, env=os.environ | {"PYTHONPATH": _path()})
    assert done.returncode == -signal.SIGKILL
    pin = pin_of(DATA)
    assert held.find(pin) is None
    with held.begin(pin) as partial:
        assert partial.done == [(0, 65536)]
        assert partial.chunk_list == b"chunks"
        assert partial.read(0, 65536) == DATA[:65536]
        partial.write(65536, DATA[65536:])
        partial.mark(65536, len(DATA))
        found = partial.commit(sha256_of(DATA), pin.xet, pin.git_oid)
    assert found.path.read_bytes() == DATA
    assert list((held.folder / "partial").iterdir()) == []


def _path() -> str:
    return os.pathsep.join(sys.path)


def test_abandoned_is_kept(held: Held) -> None:
    """Who stops in order loses nothing, and may stop twice."""
    pin = pin_of(DATA)
    partial = held.begin(pin)
    partial.write(100, DATA[100:200])
    partial.mark(100, 200)
    partial.abandon()
    partial.abandon()
    with held.begin(pin) as again:
        assert again.done == [(100, 200)]
        assert again.done_bytes == 100


def test_there_is_room_for_the_next_note(held: Held) -> None:
    """What came before a disk was full can be noted on it: the note is written where room was set aside, and that again."""
    with held.begin(pin_of(DATA)) as partial:
        for end in (100, 200):
            room = partial.path.with_suffix(".done.new").stat()
            assert room.st_blocks * 512 >= 4096
            partial.write(0, DATA[:end])
            partial.mark(0, end)
            partial.flush()
            assert partial.path.with_suffix(".done").stat().st_ino == room.st_ino
            assert partial.path.with_suffix(".done").read_text() == f"0 {end}\n"


def test_reset_forgets_everything(held: Held) -> None:
    """After a lie that could not be placed, no byte, range or chunk list of it is left."""
    pin = pin_of(DATA)
    with held.begin(pin) as partial:
        partial.write(0, b"x" * 100)
        partial.mark(0, 100)
        partial.keep_chunk_list(b"chunks")
        partial.flush()
        partial.reset()
        assert partial.done == []
        assert partial.chunk_list is None
        assert partial.read(0, 100) == bytes(100)
    with held.begin(pin) as again:
        assert again.done == []


@pytest.mark.parametrize(
    "note", [b"0 100\n50 9999999999\n", b"0 100\nx y\n", b"0 100\n200 300", b"0 100\n\0\0\0\0\n", b"0 100\n-5 7\n"]
)
def test_a_torn_note_counts_up_to_the_tear(held: Held, note: bytes) -> None:
    """What a power cut left of the note is believed line by line up to the first that is none."""
    pin = pin_of(DATA)
    held.begin(pin).abandon()
    next((held.folder / "partial").glob("*.done")).write_bytes(note)
    with held.begin(pin) as partial:
        assert partial.done == [(0, 100)]


def test_data_of_another_size_is_begun_anew(held: Held) -> None:
    """A note beside data that has not the size of the file is not believed."""
    pin = pin_of(DATA)
    with held.begin(pin) as partial:
        partial.mark(0, 100)
    os.truncate(next((held.folder / "partial").glob("*.data")), 50)
    with held.begin(pin) as again:
        assert again.done == []


def test_a_file_with_a_hole_is_not_committed(held: Held) -> None:
    """Committing what is not all there is a mistake of the program, whatever digests it brings."""
    pin = pin_of(DATA)
    with held.begin(pin) as partial:
        partial.mark(0, 100)
        with pytest.raises(RuntimeError, match="only 100 of"):
            partial.commit(sha256_of(DATA), pin.xet, pin.git_oid)
    assert held.find(pin) is None


def test_nothing_outside_the_file(held: Held) -> None:
    """Bytes before or behind the file are refused."""
    with held.begin(pin_of(DATA)) as partial:
        for offset in (-1, len(DATA)):
            with pytest.raises(ValueError, match="do not fit"):
                partial.write(offset, b"x")
        with pytest.raises(ValueError, match="has no byte"):
            partial.mark(0, len(DATA) + 1)


def test_the_empty_file(held: Held) -> None:
    """A file without bytes is complete from the start."""
    pin = pin_of(b"")
    with held.begin(pin) as partial:
        partial.commit(sha256_of(b""), pin.xet, pin.git_oid)
    assert held.find(pin) is not None


def test_threads_write_together(held: Held) -> None:
    """Pieces written and marked by several threads make the file."""
    pin, step = pin_of(DATA), 4096
    with held.begin(pin) as partial:

        def write(first: int) -> None:
            for at in range(first * step, len(DATA), 4 * step):
                partial.write(at, DATA[at : at + step])
                partial.mark(at, at + step)
                partial.flush()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert partial.commit(sha256_of(DATA), pin.xet, pin.git_oid).path.read_bytes() == DATA


def test_flushed_now_and_then(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks are noted on disk by the amount that came, not one by one."""
    calls: list[int] = []

    def flush(one: Partial) -> None:
        calls.append(one.done_bytes)
        one._fresh = 0

    monkeypatch.setattr(Partial, "flush", flush)
    with held.begin(pin_of(DATA)) as partial:
        partial.size = 10 * FLUSH_BYTES
        partial._flushed = float("inf")
        for at in range(0, 4 * FLUSH_BYTES, FLUSH_BYTES // 2):
            partial.mark(at, at + FLUSH_BYTES // 2)
        assert calls == [FLUSH_BYTES, 2 * FLUSH_BYTES, 3 * FLUSH_BYTES, 4 * FLUSH_BYTES]
