"""From signed files and a source's listing to file pins: what is signed decides, the listing only adds git's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hanse.content.gitobjects import lfs_pointer_id
from hanse.model.filepin import FilePin

if TYPE_CHECKING:
    from hanse.sign.oms import ManifestFile


def with_listing(files: Sequence[ManifestFile], listing: Mapping[str, FilePin]) -> tuple[dict[str, FilePin], str]:
    """Return the pins of signed files with the git ids of a listing, and in words what the listing says falsely.

    Nothing of a false listing is used: then the pins are those of `unlisted`.
    """
    if listing.keys() != {file.path for file in files}:
        odd = sorted(listing.keys() ^ {file.path for file in files})
        return unlisted(files), f"{len(odd)} files that were not signed or are missing, such as {odd[0][:120]!r}"
    found: dict[str, FilePin] = {}
    for file in files:
        pin = listing[file.path]
        if not _agrees(file, pin):
            return unlisted(files), f"{file.path[:200]!r} is listed with another size or digest than the signed one"
        found[file.path] = FilePin(file.path, pin.size, pin.git_oid, lfs=pin.lfs, sha256=file.sha256, xet=file.xet)
    return found, ""


def _agrees(file: ManifestFile, pin: FilePin) -> bool:
    digests = pin.sha256 in (None, file.sha256) and (pin.xet is None or file.xet is None or pin.xet == file.xet)
    pointer = not pin.lfs or pin.git_oid == lfs_pointer_id(file.sha256, pin.size)
    return digests and pointer and file.size in (None, pin.size)


def unlisted(files: Iterable[ManifestFile]) -> dict[str, FilePin]:
    """Return the pins of signed files whose git ids nobody says: each as a large file, whose id follows from its digest."""
    return {file.path: _large(file.path, file.size or 0, file) for file in files}


def _large(path: str, size: int, file: ManifestFile) -> FilePin:
    return FilePin(path, size, lfs_pointer_id(file.sha256, size), lfs=True, sha256=file.sha256, xet=file.xet)


def signed_form(pin: FilePin) -> FilePin:
    """Return the pin with what was signed alone: git's name of a regular file is a claim, which stops nobody from the bytes."""
    if pin.sha256 is None or pin.lfs:
        return pin
    return FilePin(pin.path, pin.size, lfs_pointer_id(pin.sha256, pin.size), lfs=True, sha256=pin.sha256, xet=pin.xet)


def same_files(files: Sequence[ManifestFile], known: Mapping[str, FilePin]) -> bool:
    """Tell whether known pins are of exactly the signed files."""
    return len(files) == len(known) and all(
        (pin := known.get(file.path)) is not None and (pin.sha256, pin.xet) == (file.sha256, file.xet) for file in files
    )
