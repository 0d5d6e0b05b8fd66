"""The audit of a policy's own cache before it is used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.rawhttp import RawClient
from tests.support.wholegateway import whole_gateway

from hanse.conform.origin import HubOrigin
from hanse.errors import StorageError
from hanse.flows.gateway.audit import audit_before, cache_state, is_empty
from hanse.flows.policies import load_policy
from hanse.flows.pull.asked import PullSettings
from hanse.store.held.store import Held

NAME = "org/m"
DATA = b'{"model_type": "bert"}'


@dataclass(frozen=True)
class Cached:
    """A cache with one snapshot of one file, and the store of the gateway that it came through."""

    home: Path
    cache: Path
    blob: Path
    held: Held
    said: list[str]

    def audit(self) -> None:
        """Look into the cache, as a run does before its program starts."""
        settings = PullSettings((), None, load_policy("open", self.home), self.home)
        audit_before(self.cache, self.home, self.held, settings=lambda: settings, now=1, say=self.said.append)


@pytest.fixture(name="cached")
def _cached(tmp_path: Path) -> Iterator[Cached]:
    with HubOrigin({NAME: {"config.json": DATA}}) as origin:
        with whole_gateway(tmp_path, upstream=origin.url) as gateway, RawClient(gateway.port, timeout=120) as client:
            assert client("GET", f"/{gateway.url.rpartition('/')[2]}/{NAME}/resolve/main/config.json").body == DATA
            cache = gateway.options.cache
        rev, pin = origin.repo(NAME).newest.rev, origin.pins(NAME)["config.json"]
    entry = cache / "models--org--m"
    for folder in (entry / "blobs", entry / "refs", entry / "snapshots" / rev):
        folder.mkdir(parents=True)
    (entry / "refs" / "main").write_text(rev)
    (entry / "blobs" / pin.etag).write_bytes(DATA)
    (entry / "snapshots" / rev / "config.json").symlink_to(f"../../blobs/{pin.etag}")
    with Held.open(tmp_path / "held") as held:
        yield Cached(tmp_path, cache, entry / "blobs" / pin.etag, held, [])


def test_what_is_verified_stays(cached: Cached) -> None:
    """A copy of what the gateway gave out stays, and is not looked into again while nothing changes."""
    cached.audit()
    assert cached.said == []
    assert cached.blob.read_bytes() == DATA
    assert cached.held.get("audited-cache", str(cached.cache)) is not None
    cached.audit()
    assert cached.said == []


def test_a_long_look_is_said(cached: Cached, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for an audit before his program starts is told that it goes on."""
    monkeypatch.setattr("hanse.flows.gateway.audit.SAY_SECONDS", -1.0)
    cached.audit()
    assert cached.said == ["looking into the cache before the program starts: 0.0 GB so far"]


def test_what_was_altered_goes(cached: Cached) -> None:
    """A file that has other bytes than it must have is out of reach, and said to be, although size and time are as before."""
    cached.audit()
    cached.blob.write_bytes(DATA.replace(b"bert", b"evil"))
    cached.audit()
    assert not cached.blob.exists()
    assert len(cached.said) == 1
    assert NAME in cached.said[0]


def test_what_nobody_vouches_for_goes(cached: Cached) -> None:
    """A snapshot that no gateway gave out has no place in a gateway's cache."""
    other = cached.cache / "models--org--planted"
    (other / "snapshots" / ("ab" * 20)).mkdir(parents=True)
    (other / "snapshots" / ("ab" * 20) / "config.json").write_bytes(b"{}")
    cached.audit()
    assert not (other / "snapshots" / ("ab" * 20)).exists()
    assert any("org/planted" in one for one in cached.said)
    assert cached.blob.exists()


@pytest.mark.parametrize("inside", ["models--org--m/refs/main", "CACHEDIR.TAG", "notes.txt"])
def test_what_is_no_snapshot_is_left_alone(cached: Cached, inside: str) -> None:
    """A cache in which clients find no file has nothing to be moved, whatever else they left in it."""
    shutil.rmtree(cached.cache)
    (cached.cache / inside).parent.mkdir(parents=True)
    (cached.cache / inside).write_text("ab" * 20)
    cached.audit()
    assert cached.said == []
    assert (cached.cache / inside).exists()


def test_the_state(cached: Cached) -> None:
    """Every change of a file is another state, and so is more knowledge of files; an empty cache has nothing to look into."""
    first = cache_state(cached.cache, ())
    assert cache_state(cached.cache, ()) == first
    assert cache_state(cached.cache, ("a",)) != first
    cached.blob.write_bytes(DATA)
    assert cache_state(cached.cache, ()) != first
    assert is_empty(cached.home / "nowhere")
    assert not is_empty(cached.cache)
    with pytest.raises(StorageError, match="cannot be read"):
        cache_state(cached.blob, ())


def test_whole_models_in_plain_folders_go(cached: Cached) -> None:
    """Old libraries read such a folder without a question: it is removed, and what clients or others look after stays."""
    for name, file in (("org_m", "modules.json"), (".locks", "modules.json"), ("mine", "notes.txt")):
        (cached.cache / name).mkdir()
        (cached.cache / name / file).write_text("[]")
    (cached.cache / "org_n").symlink_to(cached.cache / "org_m")
    cached.audit()
    assert not any(os.path.lexists(cached.cache / name) for name in ("org_m", "org_n"))
    assert (cached.cache / "mine" / "notes.txt").exists()
    assert (cached.cache / ".locks" / "modules.json").exists()
    assert cached.blob.exists()
