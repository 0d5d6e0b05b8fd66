"""Files that arrive in pieces, over several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hanse.errors import Busy, StorageError
from hanse.store.parts import PartFile, purge_parts, sole


def test_a_part_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was appended is there the next time, is read in order, and can be given up or removed."""
    path = tmp_path / "deep" / "x.part"
    with PartFile(path) as part:
        assert part.size == 0
        part.append(b"abc")
        part.append(memoryview(b"de"))
    with PartFile(path) as part:
        assert (part.size, b"".join(part.pieces())) == (5, b"abcde")
        part.append(b"f")
        assert b"".join(part.pieces()) == b"abcdef"
        part.reset()
        assert (part.size, list(part.pieces())) == (0, [])
        part.append(b"z")
        part.remove()
        part.close()
        part.close()
    assert not path.exists()


def test_a_part_that_was_cut_begins_again(tmp_path: Path) -> None:
    """A file that is shorter than it was when it was opened is not read as if the rest were zeros."""
    with PartFile(tmp_path / "x") as part:
        part.append(b"abc")
        os.truncate(tmp_path / "x", 0)
        assert list(part.pieces()) == []
        assert part.size == 0


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever can put a link into the folder does not choose what is overwritten."""
    (tmp_path / "target").write_bytes(b"keep")
    (tmp_path / "x").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError):
        PartFile(tmp_path / "x")
    assert (tmp_path / "target").read_bytes() == b"keep"


def test_only_one_process(tmp_path: Path) -> None:
    """A second one is told, until the first one has ended, however it ended."""
    code = "import sys; from pathlib import Path; from hanse.store.parts import sole\nwith sole(Path(sys.argv[1]), 'x'): pass"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with sole(tmp_path / "lock", "mirroring"):
        with pytest.raises(Busy, match="mirroring"), sole(tmp_path / "lock", "mirroring"):
            pass
        assert subprocess.run(command, check=False, capture_output=True).returncode != 0
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_what_nobody_goes_on_with_goes(tmp_path: Path) -> None:
    """A part that was last written before a time is removed, a newer one and other files stay; a folder need not be there."""
    for name, written in (("old.part", 100), ("new.part", 300), ("1.lock", 100)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (written, written))
    assert purge_parts(tmp_path, 200) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1.lock", "new.part"]
    assert purge_parts(tmp_path / "none", 200) == 0
