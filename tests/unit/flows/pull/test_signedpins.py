"""Signed digests name files, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

from tests.support.held import pin_of

from hanse.content.gitobjects import lfs_pointer_id
from hanse.flows.pull.signedpins import signed_pins
from hanse.sign.oms import ManifestFile


def test_signed_files_are_named_by_their_digests() -> None:
    """Each counts as a large file, so that what clients keep it under follows from what was signed."""
    pin = pin_of(b"content", "a.txt")
    assert pin.sha256 is not None
    found = signed_pins([ManifestFile("a.txt", pin.size, pin.sha256, pin.xet)])
    assert found == {"a.txt": replace(pin, lfs=True, git_oid=lfs_pointer_id(pin.sha256, pin.size))}
    assert found["a.txt"].etag == pin.sha256
