"""A real upload by hf_xet into its own local store: xorbs and shards that this project's code had no hand in."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import hf_xet  # type: ignore[import-untyped]
import pytest

# The library would otherwise leave log files in the user's cache folder.
os.environ["HF_XET_LOG_DEST"] = os.devnull


@dataclass(frozen=True)
class RealUpload:
    """What was uploaded, by sha256 order of upload, and what the client stored."""

    contents: tuple[bytes, ...]
    names: tuple[str, ...]
    xorbs: dict[str, bytes]
    shards: dict[str, bytes]


@pytest.fixture(scope="session", name="real_upload")
def _real_upload(tmp_path_factory: pytest.TempPathFactory) -> RealUpload:
    """Upload five files of different kinds; one repeats most of another, so that a file has several terms."""
    folder, chance = tmp_path_factory.mktemp("upload"), random.Random(11)
    noise = chance.randbytes(1_500_000)
    floats = b"".join(bytes([byte, byte & 7, 0x3F, 0x80]) for byte in chance.randbytes(100_000))
    contents = (b"small", b"text " * 40_000, floats, noise, noise[:700_000] + chance.randbytes(50_000) + noise[700_000:])
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / str(number))
        paths[-1].write_bytes(content)
    with hf_xet.XetSession().new_upload_commit(endpoint=f"local://{folder}/store") as commit:
        for path in paths:
            commit.start_upload_file(str(path))
    store: Path = folder / "store" / "xet" / "xorbs"
    return RealUpload(
        contents,
        tuple(info.hash for info in hf_xet.hash_files([str(path) for path in paths])),
        {
            path.name.removeprefix("default."): path.read_bytes()
            for path in (store / "xorbs").glob("default.*")
            if not path.name.endswith(".tagset")
        },
        {path.stem: path.read_bytes() for path in (store / "shards").glob("*.mdb")},
    )
