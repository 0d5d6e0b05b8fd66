"""What a store leaves behind when its writer dies or its disk fills up."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanse.errors import StorageFull
from hanse.model.digest import Sha256
from hanse.store.keys import blob_key
from hanse.store.local import LocalStore
from hanse.store.staging import Staging

_WRITER = """
import hashlib, sys
from pathlib import Path
from hanse.model.digest import Sha256
from hanse.store.keys import blob_key
from hanse.store.local import LocalStore
store = LocalStore(Path(sys.argv[1]) / "objects")
number = int(sys.argv[2])
while True:
    data = number.to_bytes(8, "big") * 40_000
    key = blob_key(Sha256(hashlib.sha256(data).hexdigest()))
    store.put(key, data)
    print(key, flush=True)
    number += 1
"""


def test_killed_writer_leaves_no_partial_object(tmp_path: Path) -> None:
    """After kill -9 at random moments every visible object is whole and every acknowledged one is there."""
    moments = random.Random(20240711)
    acknowledged: set[str] = set()
    for round_ in range(5):
        command = [sys.executable, "-c", _WRITER, str(tmp_path), str(round_ * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(moments.uniform(0.01, 0.15))
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines(keepends=True)
            acknowledged.update(line.strip() for line in (first, *rest) if line.endswith("\n"))
    store = LocalStore(tmp_path / "objects")
    found = set(store.list(""))
    assert acknowledged <= found
    for key in found:
        assert hashlib.sha256(store.get(key)).hexdigest() == key.rpartition("/")[2]
    Staging(tmp_path / "staging").purge(int(time.time()) + 2 * 86400)
    assert list((tmp_path / "staging").iterdir()) == []


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB; needs the right to mount, as CI has."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "hanse-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_full_disk(small_disk: Path) -> None:
    """On a full disk a put is refused as StorageFull, shows nothing, loses nothing and takes no space; a smaller one fits."""
    store = LocalStore(small_disk / "objects")
    kept, refused, small = (blob_key(Sha256(letter * 64)) for letter in "abc")
    store.put(kept, b"k" * 1_000_000)
    with pytest.raises(StorageFull, match="No space left"):
        store.put(refused, b"r" * 3_000_000)
    assert store.size(refused) is None
    assert list(store.list("")) == [kept]
    assert list((small_disk / "staging").iterdir()) == []
    assert store.put(small, b"s" * 500_000)
    assert store.get(kept) == b"k" * 1_000_000


def test_full_disk_while_staging(small_disk: Path) -> None:
    """A staged stream that fills the disk ends in StorageFull and gives the space back."""
    staging = Staging(small_disk / "staging")
    with staging.create() as staged:
        staged.write(b"x" * 1_500_000)
        with pytest.raises(StorageFull):
            staged.write(b"x" * 1_500_000)
    assert list(staging.root.iterdir()) == []
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize > 1_900_000
