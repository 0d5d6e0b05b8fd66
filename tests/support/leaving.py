"""Nodes that are left with everything, and those that take it in: exports made, altered, and read by somebody offline."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.attesting import settle
from tests.support.nodes import add_user
from tests.support.uploads import noise, upload

from hanse.app import opened_node
from hanse.db.repos import Repo
from hanse.flows.leaving.sources import open_export
from hanse.flows.leaving.verify_export import ExportReport, verify_export
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.publish import CommitRequest, PutBytes, publish
from hanse.flows.repos import create_repo
from hanse.flows.verify_folder import Verifying
from hanse.model.digest import GitOid
from hanse.model.repo import RefName, RepoId, RepoType, Visibility
from hanse.settings import load

MAIN = RefName("refs/heads/main")
WEIGHTS = noise(7)
MORE = noise(8, 200_000)


@contextmanager
def a_node(folder: Path, origin: str = "lab.example.org") -> Iterator[Node]:
    """Open a node of its own for the length of a `with` block."""
    with opened_node(load({"data": str(folder), "origin": origin, "scan": "off"}, {"HOME": str(folder)})) as node:
        yield node


def fill(node: Node, *, name: str = "alice/m", visibility: Visibility = Visibility.PUBLIC) -> tuple[Repo, list[GitOid]]:
    """Publish two revisions that share their weights, let both settle, and return their commit ids."""
    alice = add_user(node, name.partition("/")[0])
    repo = create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, *name.split("/")), visibility)
    revs = []
    for number, weights in enumerate((WEIGHTS, WEIGHTS[:300_000] + MORE)):
        files = (PutBytes("config.json", b'{"version": %d}' % number), PutBytes("empty.txt", b""))
        put = upload(node, alice, repo, "blob.dat", weights)
        revs.append(publish(node, alice, repo, MAIN, CommitRequest(f"version {number}", "", None, (*files, put))).rev)
        settle(node)
    return repo, revs


def reading(home: Path, policy: str = "open", now: int | None = None) -> Verifying:
    """Return what somebody verifies with who has seen nothing before."""
    home.mkdir(parents=True, exist_ok=True)
    return Verifying(load_policy(policy, home), home, int(time.time()) if now is None else now)


def check(path: Path, home: Path) -> ExportReport:
    """Verify an export as somebody who has seen nothing before."""
    with open_export(path) as source:
        return verify_export(source, reading(home))


def rewrite_sums(folder: Path) -> None:
    """Let `SHA256SUMS` and the index say what an altered export has now: what a liar would do, too."""
    from hanse.model.exportindex import INDEX, SUMS, encode_sums, parse_export_index
    from hanse.model.staticlayout import StaticPath

    names = [one for one in folder.rglob("*") if one.is_file() and one.name not in (INDEX, SUMS)]
    digests = {StaticPath(one.relative_to(folder).as_posix()): hashlib.sha256(one.read_bytes()).hexdigest() for one in names}
    sums = encode_sums(digests)  # type: ignore[arg-type]
    index = parse_export_index((folder / INDEX).read_bytes())
    size = sum(one.stat().st_size for one in names)
    (folder / SUMS).write_bytes(sums)
    from dataclasses import replace

    made = replace(index, files=len(names), size=size, sums=hashlib.sha256(sums).hexdigest())  # type: ignore[arg-type]
    (folder / INDEX).write_bytes(made.encode())
