"""Commits before anybody sees them: ids that git agrees with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.nodes import commit, new_repo

from hanse.flows import access
from hanse.flows.drafts import words_of
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.records import load_revision
from hanse.model.actor import ANONYMOUS, Actor


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("One\nmore", "and more\n\n", ("One", "more\nand more")),
        ("", "", ("Update", "")),
        ("a\0b", "x\r\ny", ("ab", "x\ny")),
    ],
)
def test_words(title: str, body: str, expected: tuple[str, str]) -> None:
    """A title is one line, a body has what remains; nobody's name is `unknown`."""
    words = words_of(ANONYMOUS, title, body, 5)
    assert (words.title, words.body, words.author, words.now) == (*expected, "unknown", 5)


def test_git_agrees(node: Node, alice: Actor, tmp_path: Path) -> None:
    """The real git makes the same tree and commit ids from the same files and words."""
    repo = new_repo(node, alice, "alice/m")
    parent = access.resolve_revision(node, repo, "main")
    done = commit(node, alice, repo, PutBytes("d/ä.txt", b"1"), PutBytes("d.x", b"2"))
    record = load_revision(node.store, access.resolve_revision(node, repo, "main").object)
    assert f"author alice <alice@users.noreply.{node.origin}> {node.clock.now()} +0000" in record.commit

    def git(*words: str, given: bytes = b"") -> str:
        command = ["git", "-C", str(tmp_path / "git"), *words]
        return subprocess.run(command, input=given, check=True, capture_output=True).stdout.decode().strip()

    (tmp_path / "git").mkdir()
    git("init", "-q")
    files = {"d/ä.txt": b"1", "d.x": b"2", ".gitattributes": DEFAULT_GITATTRIBUTES}
    for path, data in files.items():
        oid = git("hash-object", "-w", "--stdin", given=data)
        git("update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    assert record.commit.startswith(f"tree {git('write-tree')}\nparent {parent.rev}\n")
    assert git("hash-object", "-t", "commit", "--literally", "--stdin", given=record.commit.encode()) == done.rev
