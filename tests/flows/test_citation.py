"""A citation names exactly these bytes, in forms that other tools read."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update
from tests.support.nodes import commit, new_repo
from tests.support.upstreams import NAME, upstream

from hanse.db import repos
from hanse.db.schema import accounts as accounts_table
from hanse.errors import RevisionNotFound
from hanse.flows.citation import Citation, cite
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.index import reindex
from hanse.flows.mirror.journey import mirror
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.model.actor import Actor
from hanse.model.repo import RepoId, RepoType, Visibility

BASE = "https://hub.example.org"
CARD = b"---\nlicense: apache-2.0\n---\n# m\n"


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: nothing here depends on the catalogue."""
    return lite


def test_the_identifiers_are_those_of_git(node: Node, alice: Actor, tmp_path: Path) -> None:
    """Git, and so any archive, computes the same directory identifier from the files."""
    repo = new_repo(node, alice, "alice/m")
    files = {"README.md": b"# m\n", "sub/a.txt": b"a", "sub-b": b"b"}
    made = commit(node, alice, repo, *(PutBytes(path, data) for path, data in files.items()))
    folder = tmp_path / "git"
    for path, data in (files | {".gitattributes": DEFAULT_GITATTRIBUTES}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    for arguments in (["init", "-q"], ["add", "-A"], ["write-tree"]):
        done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    tree = done.stdout.strip()
    found = cite(node, repo, "main", BASE)
    assert found.directory == tree
    assert found.swh_revision == f"swh:1:rev:{made.rev}"
    assert found.swh_directory == f"swh:1:dir:{tree};anchor=swh:1:rev:{made.rev}"
    assert (found.rev, found.tree, found.index) == (made.rev, made.tree, made.index)
    with pytest.raises(RevisionNotFound):
        cite(node, repo, "v9", BASE)


def test_both_texts_say_the_same(node: Node, alice: Actor) -> None:
    """BibTeX and CITATION.cff name author, commit, tree and place in the log; the licence comes from the card of that commit."""
    repo = new_repo(node, alice, "alice/m")
    made = commit(node, alice, repo, PutBytes("README.md", CARD))
    assert cite(node, repo, "main", BASE).licence == ""
    found = _indexed(node, repo.id, repo.repo)
    address = f"{BASE}/alice/m/tree/{made.rev}"
    logged = f"leaf {made.index} in the log of {node.origin}"
    for part in (f"@misc{{alice_m_{made.rev[:8]},", "author = {{alice}}", "year = {2027}", f"\\url{{{address}}}", logged):
        assert part in found.bibtex()
    assert f"sha256:{made.tree}" in found.bibtex()
    cff = yaml.safe_load(found.cff())
    assert (cff["cff-version"], cff["type"], cff["version"], cff["url"]) == ("1.2.0", "software", made.rev, address)
    assert (cff["license"], cff["authors"]) == ("Apache-2.0", [{"name": "alice"}])
    ids = [(one["type"], one["value"]) for one in cff["identifiers"]]
    assert ids[2:] == [("other", f"sha256:{made.tree}"), ("other", f"{node.origin}/log/{made.index}")]
    assert all(kind == "swh" and re.fullmatch("swh:1:(rev|dir):[0-9a-f]{40}", value) for kind, value in ids[:2])
    assert found.as_json()["bibtex"] == found.bibtex()


def _indexed(node: Node, number: int, repo: RepoId) -> Citation:
    reindex(node, number)
    with node.db.read() as conn:
        again = repos.find(conn, repo)
    assert again is not None
    return cite(node, again[0], "main", BASE)


def test_a_dataset_that_is_not_public(node: Node, alice: Actor) -> None:
    """A citation of something private does not name a public record, for there is none in clear."""
    named = RepoId(node.origin, RepoType.DATASET, "alice", "d")
    repo = create_repo(node, alice, named, Visibility.PRIVATE)
    found = cite(node, repo, "main", BASE)
    assert found.index is None
    assert "leaf" not in found.bibtex()
    assert yaml.safe_load(found.cff())["type"] == "dataset"
    assert found.url.startswith(f"{BASE}/datasets/alice/d/tree/")


def test_a_mirrored_model(node: Node, alice: Actor) -> None:
    """It is named as the upstream's, by the upstream's namespace, and the leaf as one of this node's log."""
    with upstream() as (_, hub):
        done = mirror(node, hub, RepoType.MODEL, NAME)
    with node.db.write() as conn:
        conn.execute(update(accounts_table).where(accounts_table.c.name == "alice").values(name="org", fullname="Alice"))
    found = cite(node, done.repo, "main", BASE)
    assert alice.name == "alice"
    assert (found.author, found.log, found.origin) == ("org", node.origin, done.repo.repo.origin)
    assert f"leaf {found.index} in the log of {node.origin}" in found.bibtex()
    assert f"of {found.origin}, commit {done.revision.rev}" in found.bibtex()
    assert f"{node.origin}/log/{found.index}" in found.cff()


def test_names_of_strangers_stay_inside(node: Node, alice: Actor) -> None:
    """An account may call itself what it likes: neither text can be left by it."""
    hostile = '}},\n@misc{x, a={b}}\n"\n- evil: true\\ %$#_~^'
    with node.db.write() as conn:
        conn.execute(update(accounts_table).where(accounts_table.c.name == "alice").values(fullname=hostile))
    repo = new_repo(node, alice, "alice/m")
    found = cite(node, repo, "main", BASE)
    assert found.bibtex().count("\n@") == 0
    assert len(found.bibtex().splitlines()) == 9
    line = next(line for line in found.bibtex().splitlines() if "author" in line)
    assert re.sub(r"\\[{}]", "", line).count("}") == line.count("textbackslash") + line.count("textascii") + 2
    assert yaml.safe_load(found.cff())["authors"] == [{"name": " ".join(hostile.split())}]
    assert set(yaml.safe_load(found.cff())) == set(yaml.safe_load(replace(found, author="x").cff()))
