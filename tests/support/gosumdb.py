"""Go's checksum database code as a second opinion on logs: builds tests/interop/go once and runs it.

The program needs Debian's golang-go and golang-golang-x-mod-dev (tests/services/install.sh) and no network.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "interop" / "go"
CACHE = ROOT / ".cache" / "go"


def program() -> Path:
    """Return the program, built at the first call and after each change of its source; safe in several processes at once."""
    files = sorted(SOURCE.glob("*.go"))
    digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()
    built = CACHE / f"sumdb-{digest[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            environ = {"PATH": os.environ["PATH"], "HOME": str(CACHE), "GOCACHE": str(CACHE / "build")}
            environ |= {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0"}
            fresh = built.with_suffix(".new")
            subprocess.run(["go", "build", "-trimpath", "-o", fresh, "."], cwd=SOURCE, env=environ, check=True)
            fresh.rename(built)
    return built


def _run(*arguments: str | Path, feed: bytes = b"") -> Any:
    done = subprocess.run([program(), *arguments], input=feed, capture_output=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(f"sumdb {arguments}: {done.stderr.decode()}")
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Statement:
    """What may hold under a checkpoint: an entry at an index, or an earlier size with its root.

    proof: None lets Go make it from the tiles.
    """

    index: int
    entry: bytes = b""
    root: bytes = b""
    proof: Sequence[bytes] | None = None

    def wire(self) -> dict[str, Any]:
        """Return the statement as the program reads it."""
        texts = [b64encode(data).decode() for data in (self.entry, self.root)]
        proof = None if self.proof is None else [b64encode(item).decode() for item in self.proof]
        return {"Index": self.index, "Entry": texts[0], "Root": texts[1], "Proof": proof}


@dataclass(frozen=True)
class Verdict:
    """What Go says of a note and of statements under it.

    error: why the note was refused, or empty; by: names of those whose signatures it verified; inclusion and consistency: for
    each statement the error, or empty, and the proof that was used.
    """

    error: str
    origin: str = ""
    size: int = 0
    root: bytes = b""
    by: tuple[str, ...] = ()
    inclusion: tuple[tuple[str, tuple[bytes, ...]], ...] = field(default=())
    consistency: tuple[tuple[str, tuple[bytes, ...]], ...] = field(default=())


def check(
    note: bytes,
    vkey: str,
    *,
    cosigners: Sequence[str] = (),
    tiles: Path | None = None,
    inclusion: Sequence[Statement] = (),
    consistency: Sequence[Statement] = (),
) -> Verdict:
    """Return Go's verdict on a checkpoint and statements under it. tiles: folder with `tile/...`."""
    request = {
        "Vkey": vkey,
        "Cosigners": list(cosigners),
        "Note": note.decode(),
        "Tiles": str(tiles or ""),
        "Inclusion": [one.wire() for one in inclusion],
        "Consistency": [one.wire() for one in consistency],
    }
    said = _run("check", feed=json.dumps(request).encode())
    root = b64decode(said["Root"] or "")
    outcomes = (tuple((one["Error"], _hashes(one["Proof"])) for one in said[key] or []) for key in ("Inclusion", "Consistency"))
    return Verdict(said["Error"], said["Origin"], said["Size"], root, tuple(said["By"] or []), *outcomes)


def _hashes(texts: Sequence[str] | None) -> tuple[bytes, ...]:
    return tuple(map(b64decode, texts or []))


@dataclass(frozen=True)
class GoLog:
    """A log that the Go program keeps in a folder, laid out as C2SP tlog-tiles: any file server can serve it."""

    folder: Path
    origin: str

    def append(self, entries: Sequence[bytes]) -> None:
        """Append entries, which may not have newlines, and sign a checkpoint; none makes the checkpoint of the empty log."""
        _run("append", self.folder, self.origin, feed=b"".join(entry + b"\n" for entry in entries))

    def prove(self, old: int) -> tuple[bytes, ...]:
        """Return Go's consistency proof from size `old`, above 0, to the log's size."""
        return _hashes(_run("prove", self.folder, str(old)))

    @property
    def vkey(self) -> str:
        """The log's public key."""
        return (self.folder / "vkey").read_text()

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return (self.folder / "checkpoint").read_bytes()

    def read(self, path: str) -> bytes:
        """Return a file by its path in tlog-tiles, such as `tile/0/000`."""
        return (self.folder / path).read_bytes()
