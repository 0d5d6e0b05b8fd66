"""Files by their Xet hash alone: given to whom some repository gives them, and to nobody else."""

from __future__ import annotations

import random

import pytest
from tests.support.nodes import new_repo
from tests.support.rawxet import RawFile, raw_file
from tests.support.xetflows import send_file

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.db import blobs, repos
from hanse.errors import BlobNotFound, Disabled, GatedRepo
from hanse.flows.files import chunk_list, find_file, open_by_xet
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(43).randbytes(400_000))


def _publish(node: Node, repo_id: int, file: RawFile) -> None:
    with node.db.write() as conn:
        row = blobs.find_by_xet(conn, repo_id, [file.file])[file.file]
        blobs.set_file_state(conn, repo_id, [row.id], "live")


def test_who_gets_a_file(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """Not before a commit names it; then by the rights of the repository, which are looked at each time."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    with pytest.raises(BlobNotFound):
        find_file(node, bob, file.file)
    _publish(node, repo.id, file)
    reader, shared = open_by_xet(node, ANONYMOUS, file.file)
    assert (reader.read_at(0, reader.size), shared) == (file.data, True)
    data, _ = chunk_list(node, ANONYMOUS, file.file)
    assert file_hash_of_chunk_list(data) == (file.file, len(file.data))
    for values, refusal in (
        ({"gated": "auto"}, GatedRepo),
        ({"disabled": True}, Disabled),
        ({"visibility": "private"}, BlobNotFound),
    ):
        with node.db.write() as conn:
            repos.update_columns(conn, repo.id, **values)
        with pytest.raises(refusal):
            find_file(node, bob, file.file)


def test_one_repository_that_gives_it_is_enough(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """A private repository neither keeps others from what another one gives, nor gives it."""
    hidden = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    send_file(node, alice, hidden, file)
    _publish(node, hidden.id, file)
    with pytest.raises(BlobNotFound):
        find_file(node, bob, file.file)
    assert find_file(node, alice, file.file)[1] is False
    own = new_repo(node, bob, "bob/open")
    send_file(node, bob, own, file)
    _publish(node, own.id, file)
    assert find_file(node, ANONYMOUS, file.file)[1] is True
