"""What is kept of federations: one folder for each, whose files any web server can hand on.

`FOLDER/NAME/root/N.json`, `FOLDER/NAME/targets/N.json` and `FOLDER/NAME/files/SHA256` never change once written; `trusted.json`
says which versions are trusted and is replaced as a whole, after everything that it names is durable. A crash in between leaves
files that nothing names yet, which the next attempt finds in place.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from hanse.errors import BadRepoId, HanseError, NotFoundError, StorageError
from hanse.flows.federation.seen import STATE
from hanse.flows.remembered import read_private, write_private
from hanse.model.repo import Origin, parse_origin
from hanse.model.strictjson import parse_strict
from hanse.sign.federation import MAX_METADATA_BYTES, MAX_TARGET_BYTES, ROOT, TARGETS, TrustedFederation
from hanse.store.durable import make_directory, storage_errors
from hanse.tlog.members import Members, parse_members

MEMBERS = "members.json"
POLICY = "policy.toml"
LOOKED = "looked.json"
COPIES = "copies.toml"
"""Rules for copies among members (docs/replication.md)."""
KEYS = "keys.json"
"""Which member brought which key that signs changes; federations that were begun before it was written have none."""


_members = lru_cache(maxsize=8)(parse_members)
"""The same few lists are asked for again and again."""


def tlog_policy_name(origin: str) -> str:
    """Return the name of the file with the tlog-policy for the log of `origin`."""
    return f"{origin}.tlog-policy"


@dataclass(frozen=True, slots=True)
class Federation:
    """A federation as it is trusted here. first: fingerprint of its first root; files: content of those that targets list."""

    name: Origin
    first: str
    trusted: TrustedFederation
    files: Mapping[str, bytes]

    @property
    def members(self) -> Members:
        """Its members; raises BadFormat for a list that is none, NotFoundError before the first targets."""
        if MEMBERS not in self.files:
            raise NotFoundError(f"the members of {self.name} are not known yet", hint="hanse federation update")
        found = _members(self.files[MEMBERS])
        if found.name != self.name:
            raise BadRepoId(f"the members are those of {found.name}, and the federation is {self.name}")
        return found


def fingerprint_of(root: bytes) -> str:
    """Return the fingerprint of a root: SHA-256 of what is signed in it, so that it stays as signatures are added."""
    return sha256(TrustedFederation.start(root).root.signed_bytes).hexdigest()


class FederationFiles:
    """The federations below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[Origin]:
        """Return the names of all federations kept here."""
        if not self.folder.is_dir():
            return []
        return sorted(parse_origin(path.name) for path in self.folder.iterdir() if (path / STATE).is_file())

    def path(self, name: Origin) -> Path:
        """Return the folder of one."""
        return self.folder / name

    def load(self, name: Origin) -> Federation:
        """Return a federation as it is trusted; everything is verified once more.

        Raises NotFoundError if it is not kept here, StorageError if its files are damaged.
        """
        state = read_private(self.path(name) / STATE, MAX_METADATA_BYTES)
        if state is None:
            raise NotFoundError(f"the federation {name} is not known here", hint="hanse trust add URL --fingerprint F")
        try:
            told = parse_strict(state, "the state of a federation", MAX_METADATA_BYTES)
            targets = self._read(name, TARGETS, told[TARGETS]) if told[TARGETS] else b""
            trusted = TrustedFederation.resume(self._read(name, ROOT, told[ROOT]), targets)
            files = {file: trusted.check_target(file, self._file(name, digest)) for file, (digest, _) in trusted.listed().items()}
            return Federation(name, str(told["first"]), trusted, files)
        except (HanseError, OSError, KeyError, TypeError) as error:
            raise StorageError(
                f"what is kept of the federation {name} is damaged: {error}"[:400],
                hint=f"remove {self.path(name)} and trust it again by its fingerprint",
            ) from error

    def root(self, name: Origin, version: int) -> bytes | None:
        """Return a root that was trusted once, None if it is not kept."""
        path = self.path(name) / ROOT / f"{version}.json"
        return path.read_bytes() if path.is_file() else None

    def keep(self, federation: Federation) -> None:
        """Store what is trusted now, durable on return; raises StorageError or StorageFull."""
        name, trusted = federation.name, federation.trusted
        with storage_errors(f"store the federation {name}"), self.locked(name):
            for role, version, data in (
                (ROOT, trusted.root_version, trusted.root_data),
                (TARGETS, trusted.targets_version, trusted.targets_data),
            ):
                if data:
                    self.put(name, role, version, data)
            for data in federation.files.values():
                self._put(name, "files", sha256(data).hexdigest(), data)
            state = {"v": 1, "first": federation.first, ROOT: trusted.root_version, TARGETS: trusted.targets_version}
            write_private(self.path(name) / STATE, json.dumps(state).encode())

    def put(self, name: Origin, role: str, version: int, data: bytes) -> None:
        """Store a version of `root` or `targets` that was verified; it is trusted once `keep` says so. Raises StorageError."""
        with storage_errors(f"store the federation {name}"):
            self._put(name, role, f"{version}.json", data)

    def read(self, name: Origin, kind: str, file: str) -> bytes:
        """Return what is handed on to others: kind `root` or `targets` with `N.json`, `files` with a SHA-256.

        Raises NotFoundError for what is not kept, and for any other name.
        """
        number, dot, suffix = file.partition(".")
        versioned = kind in (ROOT, TARGETS) and (dot, suffix) == (".", "json") and number.isascii() and number.isdecimal()
        hashed = kind == "files" and len(file) == 64 and set(file) <= set("0123456789abcdef")
        path = self.path(parse_origin(name)) / kind / file
        if not (versioned or hashed) or len(file) > 80 or not path.is_file():
            raise NotFoundError(f"there is no such file of the federation {name[:80]}")
        return path.read_bytes()

    def looked(self, name: Origin) -> tuple[int, int]:
        """Return when enough members were last heard about what is newest, and when they were last asked; 0 for never."""
        told = parse_strict(read_private(self.path(name) / LOOKED, MAX_METADATA_BYTES) or b"{}", "a state", MAX_METADATA_BYTES)
        heard, asked = told.get("heard", 0), told.get("asked", 0)
        return (heard if type(heard) is int else 0), (asked if type(asked) is int else 0)

    def look(self, name: Origin, heard: int, asked: int) -> None:
        """Remember that, in seconds since 1970; raises StorageError or StorageFull."""
        with storage_errors(f"store the federation {name}"):
            write_private(self.path(name) / LOOKED, json.dumps({"heard": heard, "asked": asked}).encode())

    def listed(self) -> dict[str, list[dict[str, object]]]:
        """Return what is handed on about all federations: names, versions, fingerprints of their first roots.

        Good for finding them only, so nothing is verified: anybody may ask, as often as he likes.
        """
        found: list[dict[str, object]] = []
        for name in self.names():
            told = parse_strict(read_private(self.path(name) / STATE, MAX_METADATA_BYTES) or b"{}", "a state", MAX_METADATA_BYTES)
            found.append({"name": name} | {key: told.get(key) for key in ("first", ROOT, TARGETS)})
        return {"federations": found}

    def forget(self, name: Origin) -> None:
        """Trust a federation no more; its files stay, so that it could be taken up again where it was."""
        with storage_errors(f"leave the federation {name}"), self.locked(name):
            state = self.path(name) / STATE
            if state.is_file():
                state.replace(state.with_name("left.json"))

    @contextmanager
    def locked(self, name: Origin) -> Iterator[None]:
        """Let one process at a time change a federation."""
        make_directory(self.path(name), 0o755)
        lock = os.open(self.path(name) / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _put(self, name: Origin, kind: str, file: str, data: bytes) -> None:
        path = self.path(name) / kind / file
        make_directory(path.parent, 0o755)
        if not path.is_file() or path.read_bytes() != data:
            write_private(path, data)

    def _read(self, name: Origin, role: str, version: int) -> bytes:
        with (self.path(name) / role / f"{int(version)}.json").open("rb") as file:
            return file.read(MAX_METADATA_BYTES + 1)

    def _file(self, name: Origin, digest: str) -> bytes:
        with (self.path(name) / "files" / digest).open("rb") as file:
            return file.read(MAX_TARGET_BYTES + 1)
