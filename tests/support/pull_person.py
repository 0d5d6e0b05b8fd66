"""Somebody who pulls: a home, a cache and a store of his own, and an origin on loopback."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hanse.flows.pull.opened import opened, whom
from hanse.flows.pull.progress import Progress
from hanse.flows.pull.pull import Order, Pulled, pull
from hanse.model.repo import RepoType
from hanse.store.held.store import Held

FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": (8).to_bytes(8, "little") + b"{}      " + b"w" * 3_000_000,
    "sub/copy.bin": b"c" * 2_000_000,
    "sub/same.bin": b"c" * 2_000_000,
    "sub/with space & ü.txt": b"odd name\n",
    "empty.txt": b"",
}
SIZE = sum(map(len, FILES.values()))
UNIQUE = sum(map(len, set(FILES.values())))
"""Bytes of the model, two files of the same content counted once."""
NAME = "org/model"
EVIL = b"cos\nsystem\n(S'echo owned'\ntR."
"""A pickle that runs a command when it is loaded."""


@dataclass
class Person:
    """One user of one machine, who asks one origin."""

    folder: Path
    url: str
    offline: bool = False
    store: Path | None = None
    progress: Progress | None = None

    @property
    def home(self) -> Path:
        """HANSE_HOME."""
        return self.folder / "home"

    @property
    def cache(self) -> Path:
        """The cache of Hugging Face clients."""
        return self.folder / "cache"

    @property
    def environ(self) -> dict[str, str]:
        """The environment."""
        return {"HANSE_HOME": str(self.home), "HOME": str(self.folder), "HF_HUB_CACHE": str(self.cache)}

    def pull(
        self,
        revision: str = "main",
        *,
        to: Path | None = None,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        policy: str | None = None,
        nodes: tuple[str, ...] = (),
        name: str = NAME,
    ) -> Pulled:
        """Pull from the origin."""
        order = Order(RepoType.MODEL, name, revision, self.cache, to, include, exclude)
        asked = whom(self.environ, upstream=self.url, policy=policy, offline=self.offline, store=self.store, nodes=nodes)
        self.progress = progress = Progress()
        with opened(asked, self.environ, progress.saw) as setting:
            return pull(order, setting, progress)

    def knows(self, facts: Mapping[str, bytes]) -> Person:
        """Give the store what scans found, so that no worker need be started for it; return the same person."""
        with Held.open(self.store or self.home / "held") as held:
            for key, data in facts.items():
                held.put("facts", key, data, 0)
        return self

    def facts(self) -> dict[str, bytes]:
        """Return what scans found, as the store has it."""
        with Held.open(self.store or self.home / "held") as held:
            return {key: found[0] for key in held.keys("facts") if (found := held.get("facts", key))}

    def alone(self) -> Person:
        """Return the same person without network."""
        return replace(self, offline=True)


def disk_use(*folders: Path) -> int:
    """Return the bytes of all files below the folders, each once."""
    return sum(one.stat().st_size for one in _each_once(*folders))


def lying_twice(*folders: Path) -> list[Path]:
    """Return the files below the folders whose bytes another one has as well; empty ones and names of one file do not count."""
    found = {one: hashlib.sha256(one.read_bytes()).digest() for one in _each_once(*folders) if one.stat().st_size}
    often = Counter(found.values())
    return [one for one, digest in found.items() if often[digest] > 1]


def _each_once(*folders: Path) -> list[Path]:
    """Return one name of every file, links left out."""
    found = (one for top in folders for one in sorted(top.rglob("*")) if one.is_file() and not one.is_symlink())
    return list({(one.stat().st_dev, one.stat().st_ino): one for one in found}.values())
