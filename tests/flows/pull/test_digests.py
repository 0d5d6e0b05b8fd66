"""What a whole file is, against what it must be."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.support.places import pin_of
from tests.support.simplace import true_list

from hanse.errors import DigestMismatch
from hanse.flows.pull.digests import SMALL, Digests, WholeFile
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin

DATA = random.Random(5).randbytes(300_000)
BIG = random.Random(6).randbytes(SMALL + 1)


def digests(pin: FilePin, data: bytes, *, thorough: bool = False, chunked: bool = False) -> Digests:
    """Return what `WholeFile` says of `data`, given in uneven pieces."""
    whole = WholeFile(pin, thorough=thorough, chunked=chunked)
    for at in range(0, len(data), 70_001):
        whole.update(data[at : at + 70_001])
    return whole.finish()


@pytest.mark.parametrize("lfs", [True, False])
def test_the_pinned_file_is_accepted(*, lfs: bool) -> None:
    """The bytes that were pinned have all their digests, and the chunk list comes with the xet hash."""
    pin = pin_of(DATA, lfs=lfs)
    found = digests(pin, DATA)
    assert (found.sha256, found.xet, found.chunk_list) == (pin.sha256, pin.xet, true_list(DATA))
    assert found.git_oid == (None if lfs else pin.git_oid)


@pytest.mark.parametrize("lfs", [True, False])
def test_any_wrong_digest_refuses(*, lfs: bool) -> None:
    """If one digest that the pin gives is another, the file is not the pinned one, whichever it is."""
    pin = pin_of(DATA, lfs=lfs)
    wrong = [replace(pin, sha256=Sha256("1" * 64)), replace(pin, xet=XetHash("1" * 64)), replace(pin, size=pin.size + 1)]
    wrong += [] if lfs else [replace(pin, git_oid=GitOid("1" * 40))]
    for one in wrong:
        with pytest.raises(DigestMismatch):
            digests(one, DATA)


@pytest.mark.parametrize("change", ["flip", "less", "more"])
@pytest.mark.parametrize(("sha256", "xet"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("lfs", [True, False])
def test_any_change_is_noticed(change: str, *, lfs: bool, sha256: bool, xet: bool) -> None:
    """Whichever digests are known, other bytes, fewer or more of them are refused."""
    pin = pin_of(DATA, lfs=lfs, sha256=sha256, xet=xet)
    data = {"flip": DATA[:-1] + bytes([DATA[-1] ^ 1]), "less": DATA[:-1], "more": DATA + b"x"}[change]
    assert digests(pin, DATA).size == len(DATA)
    with pytest.raises(DigestMismatch):
        digests(pin, data)


def test_one_strong_digest_decides_about_a_large_file() -> None:
    """The xet hash of a large file is computed where nothing else strong is known or all is asked for, and else not claimed."""
    pin = pin_of(BIG)
    assert digests(pin, BIG).xet is None
    assert digests(pin, BIG, thorough=True).xet == pin.xet
    assert digests(replace(pin, sha256=None), BIG).xet == pin.xet
    assert digests(pin, BIG, chunked=True).xet == pin.xet


def test_a_file_known_by_its_pointer_alone() -> None:
    """A large file of which only the git blob id of its pointer is known is checked by that."""
    pin = pin_of(DATA, sha256=False, xet=False)
    assert digests(pin, DATA).sha256 == pin_of(DATA).sha256
    with pytest.raises(DigestMismatch, match="pointer"):
        digests(replace(pin, git_oid=GitOid("2" * 40)), DATA)
