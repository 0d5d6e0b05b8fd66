"""A full disk while copying, in a mount namespace of its own: `unshare -m python -m tests.faults.full_disk_copy FOLDER`.

The disk of the member who copies is a small tmpfs; then it is made larger.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.whole import check_world
from tests.support.alliance import alliance, copied, holds, model, rows, upload
from tests.support.forked import Mother
from tests.support.members import Institution, until

from hanse.db import copies

ORIGINS = ("a.example", "b.example")
REPO = "uni/model"
SMALL, LARGE = "32m", "256m"
SIZE = 20 << 20
"""A copy needs this twice for a while: as it comes, and as it is stored."""


def main(folder: Path) -> None:
    """Fill, look, enlarge, wait, check."""
    disk = folder / ORIGINS[1]
    disk.mkdir()
    subprocess.run(["mount", "-n", "-t", "tmpfs", "-o", f"size={SMALL},mode=700", "tmpfs", str(disk)], check=True)
    with Mother() as mother, alliance(mother, folder, *ORIGINS) as (a, b):
        model(folder / "model", SIZE)
        rev = upload(a, REPO, folder / "model", folder / "publisher")
        until(lambda: "no space" in b.node.log().lower(), "a word about the full disk")
        until(lambda: _states(b, rev) == [copies.WANTED], "a copy that is still wanted")
        assert not holds(b, REPO, rev)
        status, _ = b.node.get("/log/checkpoint")
        assert status == 200, "the node goes on serving"
        subprocess.run(["mount", "-n", "-o", f"remount,size={LARGE}", str(disk)], check=True)
        copied(b, REPO, rev)
        until(lambda: _states(b, rev) == [copies.HELD], "the end of the copy")
        assert b.node.stop() == 0
        check_world(b.node.data)


def _states(member: Institution, rev: str) -> list[str]:
    """Return how the copy of a revision stands; what came before it, without a model, may have settled and fit."""
    return [one.state for one in rows(member) if one.rev == rev]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
