"""Two claims about the files of one commit that name the same content, and differ in what its digest decides.

A git blob id is of the content together with its size, the id of an LFS pointer is of SHA-256 and size. So of two sizes under one
id at most one is true, and whichever is pinned, no other bytes can pass: a size that was false when it was seen first need not be
kept. Of two xet hashes beside one SHA-256 it is not known which is true, so neither is pinned: the SHA-256 decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hanse.content.gitobjects import lfs_pointer_id
from hanse.model.filepin import FilePin


def restated(before: Mapping[str, FilePin], after: Mapping[str, FilePin]) -> tuple[dict[str, FilePin], tuple[str, ...]] | None:
    """Return the pins on which two claims agree, and in words what was said differently; None if they are of two contents."""
    if before.keys() != after.keys():
        return None
    files, said = dict[str, FilePin](), list[str]()
    for path, old in before.items():
        new = after[path]
        if (old.git_oid, old.lfs) != (new.git_oid, new.lfs) or (
            None not in (old.sha256, new.sha256) and old.sha256 != new.sha256
        ):
            return None
        size, xet = _size(old, new), old.xet
        if old.size != new.size:
            said.append(f"{path[:120]} was claimed with {old.size:,} and with {new.size:,} bytes: what it must hash to decides")
        if _differ(old.xet, new.xet):
            if old.sha256 is None:
                return None
            said.append(f"{path[:120]} was claimed with two xet hashes: its SHA-256 decides")
            xet = None
        files[path] = replace(old, size=size, xet=xet)
    return files, tuple(said)


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _size(old: FilePin, new: FilePin) -> int:
    """Return the size that the id of the pointer proves, else the newer one."""
    sha256 = old.sha256 or new.sha256
    if old.size != new.size and old.lfs and sha256 is not None and lfs_pointer_id(sha256, old.size) == old.git_oid:
        return old.size
    return new.size
