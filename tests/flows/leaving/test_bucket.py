"""An export in a bucket: written with S3's own calls to a real server, gone on with, and verified once it is on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.leaving.conftest import Left
from tests.support.seaweed import KEY, SECRET, seaweed

from hanse.cli.main import run
from hanse.errors import BadSetting, InputError, StorageError
from hanse.flows.leaving import bucket
from hanse.flows.leaving.bucket import PROGRESS, BucketExport
from hanse.flows.leaving.export import export
from hanse.flows.static.bucket import is_bucket, listed, open_bucket
from hanse.model.exportindex import INDEX

PLACE = "s3://site/left/all"


@pytest.fixture(name="server")
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {"ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with seaweed(tmp_path / "weed") as url:
        monkeypatch.setenv("AWS_ENDPOINT", url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        yield url


def fetched(folder: Path) -> Path:
    """Copy what is in the bucket to a disk, as any S3 tool does."""
    import obstore

    store = open_bucket(PLACE)
    for path in listed(store):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(bytes(obstore.get(store, path).bytes()))
    return folder


@pytest.mark.soak
def test_an_export_in_a_bucket(left: Left, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It verifies once it is on a disk; again writes nothing; killed goes on where it was; foreign objects are refused."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bucket, "_BATCH_FILES", 4)
    put, written = BucketExport._put, list[str]()

    def dies(self: BucketExport, path: str, data: bytes) -> None:
        written.append(path)
        if len(written) == 14:
            raise StorageError("the network is gone")
        put(self, path, data)

    with monkeypatch.context() as broken:
        broken.setattr(BucketExport, "_put", dies)
        with pytest.raises(StorageError, match="the network is gone"):
            export(left.node, PLACE)
    there = listed(open_bucket(PLACE))
    assert INDEX not in there
    assert any(path.startswith(PROGRESS) for path in there)
    first = export(left.node, PLACE)
    assert first.files < first.index.files
    assert run(["verify", str(fetched(tmp_path / "fetched"))]) == 0
    assert not any(path.startswith(PROGRESS) for path in listed(open_bucket(PLACE)))
    again = export(left.node, PLACE)
    assert again.files < 3
    assert again.index.repos == first.index.repos
    assert run(["verify", str(fetched(tmp_path / "again"))]) == 0
    with pytest.raises(InputError, match="something else than an export"):
        export(left.node, "s3://site/left")


def test_what_is_not_public_stays_out_of_buckets() -> None:
    """Nobody can see from here who may read a bucket, so only what everybody may read goes there."""
    with pytest.raises(InputError, match="not written to a bucket"):
        BucketExport(PLACE, private=True)
    for bad in ("s3://", "s3://[", "s3://a b", "s3://a/../b", "s3://a//b", "s3://a/\1", f"s3://{'a' * 300}"):
        with pytest.raises(InputError, match="no address of a bucket"):
            BucketExport(bad)


def test_other_addresses_are_no_folders() -> None:
    """What looks like an address is a bucket or refused; a folder may still be called so."""
    assert is_bucket(PLACE)
    assert not any(map(is_bucket, ("/a/b", "a", "./http:/x", "a.tar")))
    for bad in ("gs://a/b", "http://[", "s3:/a"):
        with pytest.raises(InputError, match="neither a path nor"):
            is_bucket(bad)


def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names as the store is looked at before the library reads it."""
    monkeypatch.setenv("AWS_ENDPOINT", "http://[")
    with pytest.raises(BadSetting, match="AWS_ENDPOINT"):
        open_bucket("s3://a/b")
