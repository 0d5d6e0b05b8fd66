"""Institutions in a federation that hold copies for each other: founded by the documented commands, on live nodes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.clients import Client
from tests.support.forked import Mother
from tests.support.members import Institution, institutions, until

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.db.engine import Database, sqlite_url

NAME = "models.example"
ENVIRON = {"HANSE_FOLLOW_SECONDS": "1", "HANSE_SETTLE_SECONDS": "1"}


@contextmanager
def alliance(
    mother: Mother, folder: Path, *origins: str, capacity: str = "1 GiB", environ: Mapping[str, str] | None = None
) -> Iterator[list[Institution]]:
    """Run the nodes of a federation in which each offers so much, and the first has the namespace `uni`."""
    with institutions(mother, folder, *origins, environ={**ENVIRON, **(environ or {})}) as found:
        ally(found, folder, capacity)
        yield found


def ally(found: Sequence[Institution], folder: Path, capacity: str = "1 GiB") -> None:
    """Found a federation of running nodes, by the documented commands."""
    first, *others = found
    first.hanse("admin", "org", "add", "uni", "--owner", "admin")
    listing = ("--title", "First", "--address", first.node.url, "--capacity", capacity)
    first.hanse("federation", "init", NAME, *listing, "--namespace", "uni", "--quick")
    invite, proposal = folder / "invite", folder / "proposal"
    first.hanse("federation", "invite", "--out", invite)
    asked = [_ask(one, invite, folder / f"{one.node.folder.name}.request", capacity) for one in others]
    first.hanse("federation", "propose", *(word for one in asked for word in ("--add", one)), "--need", "2", "--out", proposal)
    others[0].hanse("federation", "sign", proposal)
    first.hanse("federation", "publish", proposal)
    for one in others:
        one.hanse("federation", "update")


def _ask(one: Institution, invite: Path, request: Path, capacity: str) -> Path:
    listing = ("--title", one.node.folder.name, "--address", one.node.url, "--capacity", capacity)
    one.hanse("federation", "join", invite, *listing, "--out", request)
    return request


def remove(origin: str, proposer: Institution, *signers: Institution, folder: Path) -> None:
    """Take a member off the list."""
    proposal = folder / f"without-{origin}"
    proposer.hanse("federation", "propose", "--remove", origin, "--out", proposal)
    for one in signers:
        one.hanse("federation", "sign", proposal)
    proposer.hanse("federation", "publish", proposal)
    for one in signers:
        one.hanse("federation", "update", "--from", proposer.node.url)


def model(folder: Path, size: int) -> int:
    """Write a model with weights of so many bytes that nothing else shares, and return the size of its file."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    data = len(header).to_bytes(8, "little") + header + random.Random(size).randbytes(size)
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(data)
    return len(data)


def upload(one: Institution, repo: str, model: Path, home: Path) -> str:
    """Publish a folder by `hf upload` and return the commit id of `main`."""
    Client("hub2", one.node, home).hf("upload", repo, model)
    return str(info(one, repo)["sha"])


def info(one: Institution, repo: str) -> dict[str, Any]:
    """Return what a node says of a model."""
    status, body = one.node.get(f"/api/models/{repo}")
    assert status == 200
    told: dict[str, Any] = json.loads(body)
    return told


def holds(one: Institution, repo: str, rev: str) -> bool:
    """Tell whether a node serves a revision as the model's `main`."""
    try:
        return bool(info(one, repo)["sha"] == rev)
    except OSError:
        return False


def rows(one: Institution) -> list[Copy]:
    """Return what a node knows of copies, from its catalogue."""
    database = Database(sqlite_url(one.node.data / "hanse.db"))
    try:
        with database.read() as conn:
            return copies.in_state(conn, [copies.WANTED, copies.LEFT, copies.HELD, copies.REFUSED], 1000)
    finally:
        database.close()


def copied(one: Institution, repo: str, rev: str) -> None:
    """Wait until a node serves a copy."""
    until(lambda: holds(one, repo, rev), f"a copy of {repo} at {one.node.folder.name}")
