"""From signed files to file pins: nothing is named by what nobody signed.

A source lists git blob ids of regular files, too. They are claims, and clients keep a file under its id without asking for bytes
that they have: whoever said of one file that its id is that of another would have them use the one in place of the other. So each
file is named by its digest, as large files are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hanse.content.gitobjects import lfs_pointer_id
from hanse.model.filepin import FilePin

if TYPE_CHECKING:
    from hanse.sign.oms import ManifestFile


def signed_pins(files: Iterable[ManifestFile]) -> dict[str, FilePin]:
    """Return the pins of signed files, each as a large file, whose git id follows from its digest."""
    return {one.path: _pin(one, one.size or 0) for one in files}


def _pin(file: ManifestFile, size: int) -> FilePin:
    return FilePin(file.path, size, lfs_pointer_id(file.sha256, size), lfs=True, sha256=file.sha256, xet=file.xet)
