"""A node's public things as files behind a web server that knows nothing: pulled, verified, kept up to date, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.support.nodes import add_user, commit, new_repo
from tests.support.proxies import nginx_files
from tests.support.publishing import Publisher
from tests.support.pulling import Machine, content, machine, main_of
from tests.support.uploads import noise, upload

from hanse.db.repos import Repo
from hanse.errors import Conflict, DigestMismatch, InputError, NotFoundError, RepoNotFound
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.flows.node import Node
from hanse.flows.repos import delete_repo, set_visibility
from hanse.flows.static.publish import PublishedSite, publish_static, site_at
from hanse.model.repo import RepoType, Visibility
from hanse.peers.client import PeerClient

MODEL = random.Random(5).randbytes(700_000)
FILES = {"config.json": b"{}", "model.safetensors": b"w" * 100_000, "empty": b"", "big.bin": MODEL}


class Scene:
    """A publisher, his site behind nginx, and a reader."""

    def __init__(self, node: Node, site: Path, url: str, reader: Machine) -> None:
        self.node, self.site, self.url, self.reader = node, site, url, reader
        self.publisher = Publisher(node, url)

    def bring(self) -> PublishedSite:
        """Bring the site up to date."""
        return publish_static(self.node, site_at(str(self.site)))

    def everything(self) -> dict[str, bytes]:
        """Return all files of the site."""
        return {str(path.relative_to(self.site)): path.read_bytes() for path in self.site.rglob("*") if path.is_file()}


@pytest.fixture(name="scene")
def _scene(lite: Node, tmp_path: Path) -> Iterator[Scene]:
    site = tmp_path / "site"
    site.mkdir()
    with ExitStack() as stack:
        url = stack.enter_context(nginx_files(site, tmp_path / "nginx"))
        yield Scene(lite, site, url, stack.enter_context(machine(tmp_path / "user")))


def test_pulled_from_nginx(scene: Scene) -> None:
    """A revision is verified and each of its files read from files alone: by name, by commit id, and without any other server."""
    rev = scene.publisher.publish(FILES)
    done = scene.bring()
    assert done.written.index is not None
    assert [one.revs for one in done.written.repos] == [(rev,)]
    puller = scene.reader.puller(scene.url, upstream=None)
    found = main_of(puller, "Alice/M")
    assert (found.rev, found.rung.value, set(found.files)) == (rev, "attested", {*FILES, ".gitattributes"})
    assert {path: content(puller, found, path) for path in FILES} == FILES
    assert main_of(puller, "alice/m", rev).rev == rev
    with closing(PeerClient(seconds=60)) as peers:
        assert fetch_evidence(peers, scene.url, RepoType.MODEL, "alice/m", revision="main")
        with pytest.raises(NotFoundError, match="no evidence"):
            fetch_evidence(peers, scene.url, RepoType.MODEL, "alice/none", revision="main")
    with pytest.raises(RepoNotFound):
        main_of(puller, "alice/none")


def test_brought_up_to_date(scene: Scene) -> None:
    """A second writing writes what changed; a reader who knows the log follows it, and what is gone from the node is gone."""
    scene.publisher.publish(FILES)
    scene.bring()
    assert scene.bring().written.files == 0  # the clock stands still
    main_of(scene.reader.puller(scene.url), "alice/m")
    rev = scene.publisher.publish({"config.json": b"{ }"})
    done = scene.bring()
    assert 0 < done.written.bytes < 100_000
    assert main_of(scene.reader.puller(scene.url), "alice/m").rev == rev
    assert scene.publisher.repo is not None
    delete_repo(scene.node, add_user(scene.node, "alice"), scene.publisher.repo)
    scene.bring()
    assert not [name for name in scene.everything() if name.startswith(("xorbs/", "chunks/", "evidence/", "refs/"))]


def test_only_what_is_public(scene: Scene, repo: Repo) -> None:
    """Bytes and names of a private repository are nowhere, also where it shares a xorb with a public one."""
    owner = add_user(scene.node, "owner")
    hidden = new_repo(scene.node, owner, "owner/hidden-name", Visibility.PRIVATE)
    secret, shared = noise(1, 300_000), noise(2, 300_000)
    commit(scene.node, owner, hidden, upload(scene.node, owner, hidden, "secret.bin", secret + shared + secret))
    commit(scene.node, owner, repo, upload(scene.node, owner, repo, "shared.bin", shared))
    scene.publisher.publish({"config.json": b"{}"})
    done = scene.bring()
    everything = scene.everything()
    assert not any(secret[at : at + 64] in data for data in everything.values() for at in (100_000, 200_000))
    assert not any(b"hidden-name" in data or "hidden-name" in name for name, data in everything.items())
    assert {str(one.repo) for one in done.written.repos} == {"hub.example.org/alice/m", "hub.example.org/owner/repo"}
    assert sum(len(data) for name, data in everything.items() if name.startswith("xorbs/")) < 400_000
    set_visibility(scene.node, owner, repo, Visibility.PRIVATE)
    scene.bring()
    assert not any(name.startswith("refs/models/owner/") for name in scene.everything())


def test_a_place_with_other_things(scene: Scene, tmp_path: Path) -> None:
    """A folder with other things in it, of another log, or no bucket is refused before anything is written or removed."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("dear to somebody")
    with pytest.raises(Conflict, match="thesis"):
        publish_static(scene.node, site_at(str(tmp_path / "home")))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".hanse-static").write_text("other.example")
    with pytest.raises(Conflict, match=r"other\.example"):
        publish_static(scene.node, site_at(str(tmp_path / "other")))
    with pytest.raises(InputError):
        site_at("s3://")
    assert (tmp_path / "home" / "thesis.txt").exists()


def test_false_bytes_are_found(scene: Scene) -> None:
    """A site that changes a byte of a xorb is named, and nothing of it is kept."""
    scene.publisher.publish(FILES)
    scene.bring()
    for path in (scene.site / "xorbs").iterdir():
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    puller = scene.reader.puller(scene.url)
    found = main_of(puller, "alice/m")
    with pytest.raises(DigestMismatch, match=r"127\.0\.0\.1"):
        content(puller, found, "big.bin")
