"""A full disk under the store of verified files: `unshare -m python -m tests.faults.full_store FOLDER`, as it mounts one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.held import hold, pin_of

from hanse.errors import StorageFull
from hanse.store.held import Held
from hanse.store.held.index import RESERVE_BYTES

DATA = b"w" * 3_000_000


def fill(folder: Path) -> None:
    """Write until nothing more can be written to the file system of a folder."""
    with (folder / "rest").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def main(folder: Path) -> None:
    """Hold a file, fill the disk, and have the file found, noted and removed, by processes that begin then."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)], check=True)
    with Held.open(folder / "held") as held:
        hold(held, DATA)
    fill(folder)
    assert os.statvfs(folder).f_bavail == 0
    with Held.open(folder / "held") as held:
        found = held.find(pin_of(DATA))
        assert found is not None
        held.put("record", "key", b"kept", 1)
        assert found.path.read_bytes() == DATA
        fill(folder)
        try:
            hold(held, b"v" * 3_000_000)
        except StorageFull as error:
            print("refused:", error.message)
        else:
            raise AssertionError("what does not fit was held")
    (folder / "rest").unlink()
    with Held.open(folder / "held") as held:
        assert (held.folder / "reserve").stat().st_blocks * 512 >= RESERVE_BYTES
        assert held.get("record", "key") == (b"kept", 1)
        hold(held, b"v" * 3_000_000)
    print("held on a full disk")


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "small")
