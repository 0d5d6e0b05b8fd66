"""Hugging Face caches as clients leave them, filled without a client, and with real ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.services.clients import client_hf
from tests.support.held import sha256_of

from hanse.content.gitobjects import blob_id

REV = "a" * 40


def etag_of(data: bytes) -> str:
    """Return the name of a blob: SHA-256 from 1,000 bytes on, git blob id of smaller ones."""
    return sha256_of(data) if len(data) >= 1000 else blob_id(data)


def write_cache(cache: Path, files: Mapping[str, bytes], *, rev: str = REV, repo: str = "models--org--name") -> Path:
    """Write one snapshot of links with `main` pointing at it, and return the entry's folder."""
    entry = cache / repo
    for name in ("blobs", "refs"):
        (entry / name).mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (entry / "blobs" / etag_of(data)).write_bytes(data)
        link = entry / "snapshots" / rev / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(entry / "blobs" / etag_of(data), link.parent))
    (entry / "refs" / "main").write_text(rev)
    return entry


def settle(folder: Path) -> None:
    """Make every file under a folder look as if it had been written an hour ago, as far as one can."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (path.stat().st_mtime - 3600,) * 2)


def download(client: str, endpoint: str, cache: Path, repo: str, *flags: str) -> None:
    """Download a repository with a real client (`hub0`, `hub1`, `hub2`) into a cache."""
    environ = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "HF_HOME": str(cache.parent / "home")}
    environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    environ.pop("HF_TOKEN", None)
    subprocess.run([client_hf(client), "download", repo, *flags], check=True, capture_output=True, env=environ, timeout=120)
