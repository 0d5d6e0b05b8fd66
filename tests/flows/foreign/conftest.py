"""Three members: one publishes a model, the others hold and attest it, and everybody follows everybody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.attesting import wait
from tests.support.fellows import Fellows, fellows
from tests.support.nodes import add_user, commit

from hanse.db.repos import Repo
from hanse.flows import access, bundles
from hanse.flows.attest import enter
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.model.repo import RepoId, RepoType, Visibility
from hanse.sign.statement import Statement, revision_subject

A, B, C = ("a.example", "b.example", "c.example")
FILES = {f"part-{number}.bin": b"%d" % number * 1000 for number in range(9)}
WORD = "https://a.example/word/v1"


@dataclass
class Agreed:
    """Three members and the repository of the same model at each."""

    three: Fellows
    at: dict[str, Repo]


@dataclass(frozen=True)
class Template:
    """The folders of three members who agree, none of them open, and the repository of the model at each."""

    folder: Path
    at: dict[str, Repo]


def agree(three: Fellows) -> Agreed:
    """Publish and settle a model of ten files at the first, with one more statement; let the others copy it."""
    node = three[A]
    alice = add_user(node, "alice")
    repo = create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, "alice", "m"), Visibility.PUBLIC)
    commit(node, alice, repo, *(PutBytes(path, data) for path, data in FILES.items()))
    three.settle(A)
    revision = access.resolve_revision(node, repo, "main")
    said = Statement((revision_subject(repo.repo, revision.rev, revision.tree),), WORD, {"word": "good"})
    enter(node, repo, revision, bundles.sign(node.store, said, node.keys.attest), WORD)
    wait(node)
    three.round()
    copies = {one: three.copy(A, repo, one)[0] for one in (B, C)}
    three.round()
    return Agreed(three, {A: repo, **copies})


@contextmanager
def opened(template: Template, folder: Path) -> Iterator[Agreed]:
    """Run members of one's own who agree already, over a copy of their folders."""
    shutil.copytree(template.folder, folder, dirs_exist_ok=True)
    with fellows(folder, A, B, C) as made:
        yield Agreed(made, dict(template.at))


@pytest.fixture(name="agreed", scope="session")
def _agreed(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agreed]:
    """Return members who agree, for tests that change nothing which others look at."""
    with opened(template, tmp_path_factory.mktemp("agreed")) as made:
        yield made


@pytest.fixture(name="own")
def _own(template: Template, tmp_path: Path) -> Iterator[Agreed]:
    """Return members who agree, for a test alone."""
    with opened(template, tmp_path) as made:
        yield made
