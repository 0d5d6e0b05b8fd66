"""The one pass over a new file."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.support.rawxet import RawFile, raw_file
from tests.support.xetflows import send_file, send_xorb

from hanse.db.repos import Repo
from hanse.errors import DigestMismatch, PolicyError
from hanse.flows.inspect import check_claim, hash_file
from hanse.flows.node import Node
from hanse.flows.read import TermSource
from hanse.model.actor import Actor
from hanse.model.digest import Sha256


class _Recorder:
    """A hook that keeps all it was shown, reads ahead, and may refuse."""

    streams = True

    def __init__(self, *, refuse: bool = False) -> None:
        self.calls: list[str] = []
        self.data = bytearray()
        self.tail = b""
        self.refuse = refuse

    def begin(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        """Read the end of the file before its beginning has come."""
        self.calls.append(f"begin {size}")
        self.tail = read_at(size - 100, 200)

    def feed(self, data: memoryview) -> None:
        """Keep the bytes."""
        self.data += data

    def end(self, digest: Sha256) -> None:
        """Note the end, or refuse the file."""
        self.calls.append(f"end {digest[:4]}")
        if self.refuse:
            raise PolicyError("this is malware")

    def close(self) -> None:
        """Note that nothing more comes."""
        self.calls.append("close")


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(21).randbytes(2_500_000))


def test_the_hook_sees_every_byte_and_may_look_anywhere(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A content hook is given the stream in order, random reads from the stored xorbs, and one end."""
    recorder = _Recorder()
    lite.transfers.hook = lambda: recorder
    send_file(lite, owner, repo, file)
    assert bytes(recorder.data) == file.data
    assert recorder.tail == file.data[-100:]
    assert recorder.calls == [f"begin {len(file.data)}", f"end {file.sha256[:4]}", "close"]


def test_what_the_hook_refuses_has_no_name(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A refusal of the hook is that of the upload; the hook is closed all the same."""
    recorder = _Recorder(refuse=True)
    lite.transfers.hook = lambda: recorder
    with pytest.raises(PolicyError):
        send_file(lite, owner, repo, file)
    assert recorder.calls[-1] == "close"


def test_a_file_with_a_false_claim_never_ends(lite: Node, repo: Repo, file: RawFile) -> None:
    """The hook's `end` means that all digests are true; without it, it is closed at once."""
    recorder = _Recorder()
    lite.transfers.hook = lambda: recorder
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    source = TermSource(lite.store, lite.transfers.tables, file.block.terms)
    with pytest.raises(DigestMismatch):
        hash_file(lite, source, file.file, Sha256("0" * 64))
    assert recorder.calls == [f"begin {len(file.data)}", "close"]
    lite.transfers.hook = None
    counts: list[int] = []
    assert hash_file(lite, source, file.file, file.sha256, counts.append) == file.sha256
    assert sum(counts) == len(file.data)


def test_claims(file: RawFile) -> None:
    """No claim is no lie; a claim must be the digest."""
    check_claim(file.file, None, file.sha256)
    check_claim(file.file, file.sha256, file.sha256)
    with pytest.raises(DigestMismatch, match=file.sha256):
        check_claim(file.file, Sha256("0" * 64), file.sha256)
