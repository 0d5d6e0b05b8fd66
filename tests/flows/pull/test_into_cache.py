"""The Hugging Face cache is written as three versions of the client read it without network."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.services.clients import client_python

from hanse.content.gitobjects import blob_id
from hanse.errors import BadPath, BadRepoId, StorageError
from hanse.flows.pull.into_cache import entry_folder, hub_cache, write_snapshot
from hanse.flows.pull.into_folder import write_folder
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType

REV = GitOid("1" * 40)
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"w" * 100_000,
    "sub/same.bin": b"w" * 100_000,
    "sub/with space & ü.txt": b"odd name\n",
    "empty.txt": b"",
}
READ = """
import json, os, sys, huggingface_hub as hub
repo, revision, *names = sys.argv[1:]
folder = hub.snapshot_download(repo, revision=revision)
found = {name: open(hub.hf_hub_download(repo, name, revision=revision), "rb").read().hex() for name in names}
cached = hub.scan_cache_dir()
warned = [str(one) for one in cached.warnings]
print(json.dumps({"folder": folder, "files": found, "warnings": warned, "size": cached.size_on_disk}))
"""


def pin(path: str, data: bytes) -> FilePin:
    """Return the pin of a file; files of 1,000 bytes or more are large ones."""
    sha256 = Sha256(hashlib.sha256(data).hexdigest())
    lfs = len(data) >= 1000
    return FilePin(path, len(data), GitOid(hashlib.sha1(data).hexdigest()) if lfs else blob_id(data), lfs=lfs, sha256=sha256)


PINS = [pin(path, data) for path, data in FILES.items()]


def put(files: Iterable[tuple[FilePin, Path]]) -> None:
    """Write the files of pins."""
    for one, target in files:
        target.write_bytes(FILES[one.path])


def _touch(files: Iterable[tuple[FilePin, Path]]) -> None:
    for _, target in files:
        target.touch()


@pytest.fixture(name="entry")
def _entry(tmp_path: Path) -> Path:
    return entry_folder(tmp_path / "cache", RepoType.MODEL, "Ada/Tiny")


def _read(client: str, cache: Path, *arguments: str) -> Any:
    environ = {"PATH": os.environ["PATH"], "HOME": str(cache.parent), "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(client_python(client)), "-c", READ, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("client", ["hub0", "hub1", "hub2"])
@pytest.mark.parametrize("revision", ["main", REV])
def test_clients_read_it_offline(entry: Path, client: str, revision: str) -> None:
    """Snapshot and single files come from the cache, by name and by commit id, and the client's own check finds no fault."""
    folder = write_snapshot(entry, REV, "main", listed=PINS, pulled=PINS, put=put)
    found = _read(client, entry.parent, "Ada/Tiny", revision, *FILES)
    assert (found["folder"], found["warnings"]) == (str(folder), [])
    assert {name: bytes.fromhex(data) for name, data in found["files"].items()} == FILES
    assert found["size"] == sum(len(data) for data in set(FILES.values())), "one content is there once"


@pytest.mark.parametrize("client", ["hub1", "hub2"])
def test_a_part_is_not_taken_for_the_whole(entry: Path, client: str) -> None:
    """Clients that can tell say that a snapshot is incomplete, and a later pull of the rest completes it."""
    write_snapshot(entry, REV, "main", listed=PINS, pulled=PINS[:1], put=put)
    with pytest.raises(AssertionError, match="IncompleteSnapshotError"):
        _read(client, entry.parent, "Ada/Tiny", "main", "config.json")
    write_snapshot(entry, REV, "main", listed=PINS, pulled=PINS[1:], put=put)
    assert set(_read(client, entry.parent, "Ada/Tiny", "main", *FILES)["files"]) == set(FILES)


@pytest.mark.parametrize("client", ["hub0", "hub1", "hub2"])
def test_a_file_system_without_links(entry: Path, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On FAT the files themselves are in the snapshot, once each, and clients read that; a part is completed there, too."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for pins in (PINS[:1], PINS):
        folder = write_snapshot(entry, REV, "main", listed=PINS, pulled=pins, put=put)
    assert list((entry / "blobs").iterdir()) == []
    found = _read(client, entry.parent, "Ada/Tiny", "main", *FILES)
    assert (found["folder"], found["warnings"]) == (str(folder), [])
    assert {name: bytes.fromhex(data) for name, data in found["files"].items()} == FILES


def test_layout(entry: Path) -> None:
    """Blobs are named by ETag, links are relative so that the cache can be moved, and no Xet hash is told."""
    write_snapshot(entry, REV, "main", listed=PINS, pulled=PINS, put=put)
    assert (entry / "refs" / "main").read_text() == REV
    assert {one.name for one in (entry / "blobs").iterdir()} == {one.etag for one in PINS}
    link = entry / "snapshots" / REV / "sub" / "same.bin"
    assert os.fspath(link.readlink()) == f"../../../blobs/{PINS[2].etag}"
    listed = json.loads((entry / "trees" / f"{REV}.json").read_text())
    assert listed["files"]["config.json"] == {"size": 2, "blob_id": PINS[0].git_oid}
    assert listed["files"]["model.safetensors"]["lfs_sha256"] == PINS[1].sha256


def test_what_was_there_is_replaced(entry: Path) -> None:
    """A link of an earlier client to something else, a file in place of a link and an old ref give way."""
    snapshot = entry / "snapshots" / REV
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to("/etc/passwd")
    (snapshot / "empty.txt").write_text("not empty")
    (entry / "refs").mkdir()
    (entry / "refs" / "main").write_text("2" * 40)
    write_snapshot(entry, REV, "main", listed=PINS, pulled=PINS, put=put)
    assert {name: (snapshot / name).read_bytes() for name in FILES} == FILES
    assert (entry / "refs" / "main").read_text() == REV


def test_refs_keep_the_name_that_was_used(entry: Path) -> None:
    """Clients look for a ref under the words they were asked with; a commit id needs none."""
    for ref in ("v1", "refs/pr/1", "feature/x", ""):
        write_snapshot(entry, REV, ref, listed=PINS, pulled=[], put=put)
    found = {one.relative_to(entry / "refs").as_posix() for one in (entry / "refs").rglob("*") if one.is_file()}
    assert found == {"v1", "refs/pr/1", "feature/x"}


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a/./b", ".git/config", "a\\b"])
def test_no_path_leads_out(entry: Path, path: str, tmp_path: Path) -> None:
    """A path that a hostile origin made up ends nowhere."""
    bad = FilePin(path, 2, GitOid("a" * 40), lfs=False)
    with pytest.raises(BadPath):
        write_snapshot(entry, REV, "", listed=[], pulled=[bad], put=_touch)
    with pytest.raises(BadPath):
        write_folder(tmp_path / "out", REV, [bad], _touch)


@pytest.mark.parametrize("ref", ["../../x", "/x", "a/../b", "-x", "a b"])
def test_no_ref_leads_out(entry: Path, ref: str) -> None:
    """Nor does the name of a ref."""
    with pytest.raises(BadRepoId):
        write_snapshot(entry, REV, ref, listed=[], pulled=[], put=put)


def test_a_file_where_a_folder_must_be(entry: Path) -> None:
    """A revision with a file and a folder of one name cannot be written, which is said."""
    both = [pin("a", b"1"), pin("a/b", b"2")]
    with pytest.raises(StorageError):
        write_snapshot(entry, REV, "", listed=both, pulled=both, put=_touch)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/huggingface/hub"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HOME": "/h", "HF_HOME": "/f"}, "/f/hub"),
        ({"HOME": "/h", "HF_HOME": "/f", "HF_HUB_CACHE": "/c"}, "/c"),
        ({"HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
    ],
)
def test_where_clients_look(environ: Mapping[str, str], expected: str) -> None:
    """The cache is found by the same variables as clients find it."""
    assert hub_cache(environ) == Path(expected)
