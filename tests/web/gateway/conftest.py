"""A gateway's web edge over a small repository."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateways import Edge, FolderSource, edge


@pytest.fixture(name="folder", scope="session")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gateway-repo")
    for path, data in {
        "config.json": b'{"model_type": "bert"}',
        "model.safetensors": random.Random(5).randbytes(3_000_000),
        "empty.txt": b"",
        "sub/deep/notes.txt": "grüße\n".encode(),
        "sub/with space & 100%.txt": b"odd\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(name="gateway")
def _gateway(folder: Path) -> Iterator[Edge]:
    with edge(FolderSource(folder)) as running:
        yield running
