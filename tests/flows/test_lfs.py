"""LFS: what is sent and how, multipart, and what foreign or expired uploads come to."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.nodes import TickingClock, add_user, commit, new_repo

from hanse.db.repos import Repo
from hanse.errors import BadFormat, BlobNotFound, DigestMismatch, NotAllowed, NotAuthenticated, RepoNotFound, TooLarge
from hanse.flows import access, lfs
from hanse.flows.lfs import Answer, Wanted
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes, PutFile
from hanse.flows.read import open_file
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility

DATA = random.Random(1).randbytes(300_000)


def _wanted(data: bytes) -> Wanted:
    return Wanted(Sha256(sha256(data).hexdigest()), len(data))


def _plan(node: Node, actor: Actor, repo: Repo, data: bytes, *, multipart: bool = True) -> Answer:
    return lfs.plan_uploads(node, actor, repo, [_wanted(data)], multipart=multipart)[0]


def _put(node: Node, actor: Actor, repo: Repo, data: bytes, sent: bytes | None = None) -> None:
    body = data if sent is None else sent
    with lfs.open_ingest(node, repo.id, lfs.holder_of(actor), _wanted(data), len(body)) as ingest:
        ingest.feed(body)
        ingest.finish()


@pytest.fixture(name="small")
def _small(node: Node) -> Node:
    """Return the node with parts of 100,000 bytes."""
    return replace(node, limits=replace(node.limits, lfs_part_bytes=100_000))


def test_a_whole_file_comes_in_and_is_then_present(node: Node, alice: Actor) -> None:
    """What was sent once is there: for verify, for a commit, and for the next batch."""
    repo = new_repo(node, alice, "alice/m")
    assert not _plan(node, alice, repo, DATA).present
    with pytest.raises(BlobNotFound):
        lfs.verify(node, repo, _wanted(DATA))
    _put(node, alice, repo, DATA)
    lfs.verify(node, repo, _wanted(DATA))
    assert _plan(node, alice, repo, DATA).present
    commit(node, alice, repo, PutFile("m.bin", _wanted(DATA).sha256, len(DATA)))
    row = lfs.downloadable(node, ANONYMOUS, repo, [_wanted(DATA).sha256])[_wanted(DATA).sha256]
    assert open_file(node, row).read_at(0, len(DATA)) == DATA


def test_lies_are_refused_and_nothing_is_kept(node: Node, alice: Actor) -> None:
    """Other bytes, other lengths and sizes beyond the bound do not become a file."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(DigestMismatch):
        _put(node, alice, repo, DATA, bytes(len(DATA)))
    with pytest.raises(TooLarge):
        _put(node, alice, repo, DATA, DATA + b"x")
    with pytest.raises(BadFormat):
        _put(node, alice, repo, DATA, DATA[:-1])
    with pytest.raises(BlobNotFound):
        lfs.verify(node, repo, _wanted(DATA))
    answers = lfs.plan_uploads(node, alice, repo, [Wanted(Sha256("ab" * 32), 2**62)], multipart=True)
    assert "at most" in answers[0].error
    _put(node, alice, repo, DATA)
    lie = lfs.plan_uploads(node, alice, repo, [Wanted(_wanted(DATA).sha256, 5)], multipart=True)[0]
    assert lie.error
    assert not lie.present


def test_a_known_digest_opens_nothing_private(node: Node, alice: Actor, bob: Actor) -> None:
    """A file in somebody else's private repository has to be sent like any other; a public one has not."""
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    _put(node, alice, secret, DATA)
    commit(node, alice, secret, PutFile("m.bin", _wanted(DATA).sha256))
    mine = new_repo(node, bob, "bob/m")
    assert not _plan(node, bob, mine, DATA).present
    with pytest.raises(BlobNotFound):
        lfs.verify(node, mine, _wanted(DATA))
    assert lfs.downloadable(node, bob, mine, [_wanted(DATA).sha256]) == {}
    shown = new_repo(node, alice, "alice/open")
    assert _plan(node, alice, shown, DATA).present
    commit(node, alice, shown, PutFile("m.bin", _wanted(DATA).sha256))
    assert _plan(node, bob, mine, DATA).present


def test_who_may_upload(node: Node, alice: Actor, bob: Actor) -> None:
    """Writers may, and for pull requests whoever can read and has a write token; nobody else."""
    repo = new_repo(node, alice, "alice/m")
    assert _plan(node, bob, repo, DATA).error == ""
    with pytest.raises(NotAllowed):
        _plan(node, replace(bob, role="read"), repo, DATA)
    with pytest.raises(NotAuthenticated):
        _plan(node, ANONYMOUS, repo, DATA)


def test_rights_are_looked_up_when_an_address_is_used(node: Node, alice: Actor, bob: Actor) -> None:
    """An address given out earlier is worth nothing once its account cannot see the repository any more."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    with pytest.raises(RepoNotFound):
        _put(node, bob, repo, DATA)
    with pytest.raises(NotAllowed):
        lfs.resume(node, repo.id, "999999", "write")
    operator = add_user(node, "root-user", admin=True)
    with pytest.raises(RepoNotFound):
        lfs.resume(node, repo.id, lfs.holder_of(replace(operator, admin=False)), "write")


def _left(node: Node) -> list[Path]:
    """Return what uploads have left in the staging area."""
    return [*node.staging.root.glob("upload-*"), *node.staging.root.glob("staged-*")]


def _send_parts(node: Node, actor: Actor, answer: Answer, data: bytes) -> list[tuple[int, str]]:
    upload = answer.upload
    assert upload is not None
    parts: list[tuple[int, str]] = []
    for number in range(1, upload.parts + 1):
        with lfs.PartWriter(node, upload.id, lfs.holder_of(actor), number) as writer:
            start = (number - 1) * upload.part_size
            writer.feed(data[start : start + writer.length])
            parts.append((number, f'"{writer.finish()}"'))
    return parts


def test_multipart(small: Node, alice: Actor) -> None:
    """A large file comes in parts, in whatever order and also twice, and is whole in the end; its parts are gone then."""
    repo = new_repo(small, alice, "alice/m")
    answer = _plan(small, alice, repo, DATA)
    assert answer.upload is not None
    assert answer.upload.parts == 3
    assert _plan(small, alice, repo, DATA).upload == answer.upload
    _send_parts(small, alice, answer, bytes(len(DATA)))
    parts = _send_parts(small, alice, answer, DATA)
    holder = lfs.holder_of(alice)
    for wrong in (
        parts[:2],
        parts[::-1],
        [*parts, (4, "x")],
        [(1, "../../x"), *parts[1:]],
        [(1, '"' + "0" * 32 + '"'), *parts[1:]],
    ):
        with pytest.raises(BadFormat):
            lfs.complete(small, answer.upload.id, holder, _wanted(DATA).sha256, wrong)
    with pytest.raises(BadFormat):
        lfs.complete(small, answer.upload.id, holder, "ab" * 32, parts)
    lfs.complete(small, answer.upload.id, holder, _wanted(DATA).sha256, parts)
    lfs.verify(small, repo, _wanted(DATA))
    assert _left(small) == []
    with pytest.raises(BlobNotFound):
        lfs.complete(small, answer.upload.id, holder, _wanted(DATA).sha256, parts)


def test_parts_of_another_file_are_dropped(small: Node, alice: Actor) -> None:
    """Parts that make up another file than was announced are refused and removed."""
    repo = new_repo(small, alice, "alice/m")
    answer = _plan(small, alice, repo, DATA)
    assert answer.upload is not None
    parts = _send_parts(small, alice, answer, bytes(len(DATA)))
    with pytest.raises(DigestMismatch):
        lfs.complete(small, answer.upload.id, lfs.holder_of(alice), _wanted(DATA).sha256, parts)
    assert _left(small) == []


def test_parts_have_their_exact_length(small: Node, alice: Actor) -> None:
    """A part that is too short, or whose number the upload does not have, is not kept."""
    repo = new_repo(small, alice, "alice/m")
    upload = _plan(small, alice, repo, DATA).upload
    assert upload is not None
    for number in (0, 4, 10**9):
        with pytest.raises(BadFormat):
            lfs.PartWriter(small, upload.id, lfs.holder_of(alice), number)
    with lfs.PartWriter(small, upload.id, lfs.holder_of(alice), 1) as writer:
        writer.feed(b"short")
        with pytest.raises(BadFormat):
            writer.finish()
    assert _left(small) == []


def test_expired_uploads_are_removed(small: Node, alice: Actor) -> None:
    """After its time an upload takes nothing more, and the next batch removes its parts."""
    clock = small.clock
    assert isinstance(clock, TickingClock)
    repo = new_repo(small, alice, "alice/m")
    answer = _plan(small, alice, repo, DATA)
    assert answer.upload is not None
    parts = _send_parts(small, alice, answer, DATA)
    clock.time += small.limits.upload_ttl_seconds + 1
    with pytest.raises(BlobNotFound):
        lfs.complete(small, answer.upload.id, lfs.holder_of(alice), _wanted(DATA).sha256, parts)
    folder = Path(small.staging.root) / f"upload-{answer.upload.id}"
    assert folder.exists()
    _plan(small, alice, repo, b"other")
    assert not folder.exists()


def test_staged_files_are_not_downloadable_by_others(node: Node, alice: Actor) -> None:
    """A file that no commit names yet is given to writers only."""
    repo = new_repo(node, alice, "alice/m")
    _put(node, alice, repo, DATA)
    digest = _wanted(DATA).sha256
    assert lfs.downloadable(node, ANONYMOUS, repo, [digest]) == {}
    assert digest in lfs.downloadable(node, alice, repo, [digest])
    commit(node, alice, repo, PutBytes("a", b"1"))
    access.require_read_bytes(node, ANONYMOUS, repo)
