"""What lies in caches is taken in only as far as the upstream says the same, or as this machine's own claim."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.attesting import wait
from tests.support.olahs import write_file
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.content.gitobjects import blob_id
from hanse.db import attestations, mirrors, notices, revisions
from hanse.errors import DigestMismatch, NotAllowed
from hanse.flows import access
from hanse.flows.adopt.found import found_revisions
from hanse.flows.mirror.adopt import adopt, pin_of
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.upstream import InfoClaim
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.sign.statement import OBSERVATION, OMS

MODEL = RepoType.MODEL


def cache(root: Path, rev: str, pins: dict[str, FilePin], files: dict[str, bytes], refs: tuple[str, ...] = ("main",)) -> Path:
    """Write a Hugging Face cache with one snapshot of some files, as clients do."""
    entry = root / f"models--{NAME.replace('/', '--')}"
    for path, data in files.items():
        blob = entry / "blobs" / pins[path].etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = entry / "snapshots" / rev / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../" * (path.count("/") + 2)) / "blobs" / pins[path].etag)
    for ref in refs:
        (entry / "refs").mkdir(exist_ok=True)
        (entry / "refs" / ref).write_text(rev)
    return root


def listed(root: Path, rev: str, pins: dict[str, FilePin]) -> None:
    """Write the list of files that clients keep of a revision."""
    rows = {
        path: {"blob_id": pin.git_oid, "size": pin.size, "lfs_sha256": pin.sha256 if pin.lfs else None}
        for path, pin in pins.items()
    }
    target = root / f"models--{NAME.replace('/', '--')}" / "trees" / f"{rev}.json"
    target.parent.mkdir()
    target.write_text(json.dumps({"format_version": 1, "files": rows}))


def test_a_cached_snapshot_is_mirrored_without_fetching(node: Node, tmp_path: Path) -> None:
    """Compared with the upstream's digests, the bytes come from the cache alone, and the revision is observed."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), FILES)
        (found,) = adopt(node, root, hub)
        assert not [one for one in origin.requests if "/resolve/" in one.path]
    assert (found.state, found.altered) == ("mirrored", ())
    assert found.mirrored is not None
    assert found.mirrored.index is not None
    assert access.resolve_revision(node, access.resolve(node, ANONYMOUS, found.mirrored.repo.repo), "main").rev == rev


def test_a_store_of_olah_is_mirrored_without_fetching(lite: Node, tmp_path: Path) -> None:
    """A large file, which olah keeps in several pieces, comes from there like the small ones."""
    files = {path: data for path, data in FILES.items() if data}
    with upstream(files) as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        for path, pin in origin.pins(NAME).items():
            write_file(tmp_path, path, files[path], block=1 << 20, etag=pin.etag, repo=NAME, rev=rev)
        (found,) = adopt(lite, tmp_path, hub)
        assert not [one for one in origin.requests if "/resolve/" in one.path]
    assert (found.state, found.says, found.altered) == ("mirrored", "", ())


def test_a_store_of_which_nothing_can_be_read_says_why(lite: Node, tmp_path: Path) -> None:
    """Of a store in an older form no mirror is begun; the reason is told."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        (write_file(tmp_path, "config.json", b"{}", repo=NAME, rev=rev) / "meta.bin").write_bytes(b"OLAH\x09" + bytes(31))
        (found,) = adopt(lite, tmp_path, hub)
    assert (found.state, "version 9 of olah's form" in found.says) == ("skipped", True)


def test_an_altered_file_is_fetched_instead(lite: Node, tmp_path: Path) -> None:
    """A file that was changed in the cache is told, and the upstream's bytes are taken in."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        bad = FILES | {"config.json": b'{"model_type": "evil"}', "model.safetensors": FILES["model.safetensors"][:-1] + b"!"}
        (found,) = adopt(lite, cache(tmp_path / "hub", rev, origin.pins(NAME), bad), hub)
    assert found.state == "mirrored"
    assert {line.partition(":")[0] for line in found.altered} == {"config.json", "model.safetensors"}
    assert found.mirrored is not None
    listing = lite.listings.get(lite.store, found.mirrored.revision.object)
    entry = listing.directory.file("config.json")
    assert entry is not None
    assert entry.git_oid == blob_id(FILES["config.json"])


def test_a_partial_snapshot_is_pinned_and_completed_later(lite: Node, tmp_path: Path) -> None:
    """What is there is taken in and nothing is fetched; mirroring it fetches only what is missing, and then it is mirrored."""
    some = {path: data for path, data in FILES.items() if path != "config.json"}
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), some)
        (found,) = adopt(lite, root, hub)
        assert (found.state, found.mirrored) == ("partial", None)
        assert not [one for one in origin.requests if "/resolve/" in one.path]
        done = mirror(lite, hub, MODEL, NAME)
        assert [one.path.rpartition("/")[2] for one in origin.requests if "/resolve/" in one.path] == ["config.json"]
        assert [one.state for one in adopt(lite, root, hub)] == ["mirrored"]
    assert done.revision.rev == rev


def test_without_the_upstream_it_is_a_local_claim(node: Node, tmp_path: Path) -> None:
    """A whole snapshot is kept by its commit id, neither observed nor signed until the upstream says the same."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), FILES)
        listed(root, rev, origin.pins(NAME))
        origin.stop()
        wait(node)
        size = node.log.size
        (found,) = adopt(node, root, hub)
        assert found.state == "claimed"
        assert found.mirrored is not None
        assert not found.mirrored.repo.public
        assert access.resolve_revision(node, found.mirrored.repo, rev).rev == rev
        assert node.log.size == size
        origin.start()
        done = mirror(node, hub, MODEL, NAME)
    with node.db.read() as conn:
        row = mirrors.claimed(conn, done.repo.id, done.revision.rev)
        assert row is not None
        assert row.source == "upstream"
        assert not notices.of_repo(conn, done.repo.id)
        said = [one.predicate for one in attestations.of_revision(conn, done.repo.id, rev)]
        assert said == [OMS, OBSERVATION], "now the upstream itself says it"
        assert [one.rev for one in revisions.all_of(conn, done.repo.id, ["live"])] == [rev]


def test_a_plain_folder_is_what_its_owner_says(lite: Node, tmp_path: Path) -> None:
    """A folder tells no repository; with its name it is compared like a cache, at the commit that the name means."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        for path, data in (FILES | {"mine.txt": b"not of it"}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(data)
        (told,) = adopt(lite, tmp_path, hub)
        assert (told.state, "--repo" in told.says) == ("skipped", True)
        (found,) = adopt(lite, tmp_path, hub, named=(MODEL, NAME, "main"))
        assert (found.state, found.mirrored and found.mirrored.revision.rev) == ("mirrored", rev)
        assert not [one for one in origin.requests if "/resolve/" in one.path]
        origin.commit(NAME, changed(new_txt=b"n"))
        (again,) = adopt(lite, tmp_path, hub, named=(MODEL, NAME, rev))
        assert (again.state, again.mirrored and again.mirrored.fresh) == ("mirrored", False)
        (part,) = adopt(lite, tmp_path, hub, named=(MODEL, NAME, "main"))
        assert part.state == "partial"


@dataclass(frozen=True)
class Shown(HubUpstream):
    """An upstream that says who may see the repository."""

    gated: bool = False
    private: bool = False

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Return what a revision name means, and who may know."""
        return replace(super().info(kind, path, rev), gated=self.gated, private=self.private)


@pytest.mark.parametrize(("gated", "private"), [(True, False), (False, True)])
def test_what_is_for_few_is_for_few_here(lite: Node, tmp_path: Path, *, gated: bool, private: bool) -> None:
    """A cache that somebody's token filled opens nothing: what the upstream shows to few is gated, or private, here."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), FILES)
        (found,) = adopt(lite, root, Shown(hub.hub, gated=gated, private=private))
    assert found.mirrored is not None
    repo = found.mirrored.repo
    assert (repo.gated, repo.public) == ("manual" if gated else "", not private)


def test_what_was_public_is_not_added_to(lite: Node, tmp_path: Path) -> None:
    """Once the upstream keeps a repository from everybody, nothing more of it gets into the public mirror."""
    with upstream() as (origin, hub):
        done = mirror(lite, hub, MODEL, NAME)
        rev = origin.commit(NAME, changed(secret_txt=b"s"))
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), changed(secret_txt=b"s"))
        listed(root, rev, origin.pins(NAME))
        with pytest.raises(NotAllowed, match="private at its upstream"):
            mirror(lite, Shown(hub.hub, private=True), MODEL, NAME)
        (told,) = adopt(lite, root, Shown(hub.hub, private=True))
        assert (told.state, "private at its upstream" in told.says) == ("skipped", True)
        origin.repo(NAME).tokens = frozenset({"secret"})
        (told,) = adopt(lite, root, hub)
        assert (told.state, "by now it is not" in told.says) == ("skipped", True)
    with lite.db.read() as conn:
        assert [one.rev for one in revisions.all_of(conn, done.repo.id)] == [done.revision.rev]


def test_what_the_cache_itself_denies(tmp_path: Path) -> None:
    """A file whose bytes are not what its name in the cache says is no claim at all."""
    with upstream() as (origin, _):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", rev, origin.pins(NAME), changed(config_json=b"{}" * 11))
    (found,) = found_revisions(root)
    with pytest.raises(DigestMismatch, match="altered"):
        pin_of(found, "config.json")
    assert pin_of(found, "model.safetensors").sha256 == origin.pins(NAME)["model.safetensors"].sha256
