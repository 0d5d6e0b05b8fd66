"""Upstreams of mirrors: Hub-shaped origins on loopback with small repositories, and short ways to mirror them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager

from hanse.conform.origin import HubOrigin
from hanse.flows.mirror.hubs import HubUpstream
from hanse.peers.hub import Hub

NAME = "org/tiny"
WEIGHTS = random.Random(7).randbytes(3 * 1024 * 1024)
FILES: dict[str, bytes] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
    "config.json": b'{"model_type": "bert"}',
    "nested/vocab.txt": b"a\nb\n",
    "empty.txt": b"",
    "model.safetensors": WEIGHTS,
}


def changed(**contents: bytes) -> dict[str, bytes]:
    """Return the files with some added or replaced; names have `_` for `.`."""
    return FILES | {name.replace("_", "."): data for name, data in contents.items()}


@contextmanager
def impostor(origin: HubOrigin, name: str, files: dict[str, bytes]) -> Iterator[HubOrigin]:
    """Run another server at the address of an origin, which stops, that gives the commit id of `main` other files."""
    rev = origin.repo(name).refs["refs/heads/main"]
    origin.stop()
    with HubOrigin({name: files}, port=origin.port) as other:
        repo = other.repo(name)
        made = repo.revisions.pop(repo.refs["refs/heads/main"])
        object.__setattr__(made, "rev", rev)
        repo.revisions[rev], repo.refs["refs/heads/main"] = made, rev
        yield other


@contextmanager
def upstream(files: dict[str, bytes] | None = None, **options: bool | int) -> Iterator[tuple[HubOrigin, HubUpstream]]:
    """Run an origin with one repository, and return it with the upstream that a mirror asks."""
    with (
        HubOrigin({NAME: FILES if files is None else files}, **options) as origin,  # type: ignore[arg-type]
        closing(Hub(origin.url)) as hub,
    ):
        yield origin, HubUpstream(hub)
