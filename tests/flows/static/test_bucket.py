"""A bucket as a static site: written with S3's own calls to a real server, read by anybody over plain HTTP."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.publishing import Publisher
from tests.support.pulling import content, machine, main_of
from tests.support.seaweed import KEY, SECRET, seaweed
from tests.support.uploads import noise

from hanse.errors import BadSetting, Conflict, InputError, StorageError
from hanse.flows.node import Node
from hanse.flows.static.bucket import BucketSink
from hanse.flows.static.publish import publish_static, site_at

_THERE = importlib.util.find_spec("obstore") is not None
FILES = {"config.json": b"{}", "big.bin": noise(3, 500_000)}


@pytest.fixture(name="server")
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {"ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with seaweed(tmp_path / "weed") as url:
        monkeypatch.setenv("AWS_ENDPOINT", url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        yield url


@pytest.mark.soak
def test_a_bucket_is_pulled_from(lite: Node, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to a bucket is pulled from it and verified; writing again writes nothing, and what is gone is removed."""
    publisher = Publisher(lite, server)
    rev = publisher.publish(FILES)
    site = site_at("s3://site/public/models")
    assert publish_static(lite, site).written.files > 10
    with machine(tmp_path / "user") as reader:
        puller = reader.puller(f"{server}/site/public/models")
        found = main_of(puller, "alice/m")
        assert found.rev == rev
        assert {path: content(puller, found, path) for path in FILES} == FILES
    again = publish_static(lite, site_at("s3://site/public/models"))
    assert (again.written.files, again.removed) == (0, 0)
    publisher.publish({"config.json": b"{ }", "more": b"1"})
    done = publish_static(lite, site_at("s3://site/public/models"))
    assert done.written.files > 0
    assert done.removed > 0  # partial tiles of the log as it was
    with pytest.raises(Conflict, match="other things"):
        publish_static(lite, site_at("s3://site/public"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StorageError, match="s3://site/public/models"):
        publish_static(lite, site_at("s3://site/public/models"))


def test_addresses_of_buckets() -> None:
    """What is no bucket's address is refused, and without the extra the way to it is said."""
    for bad in ("s3://", "s3:///x", "s3://b//x"):
        with pytest.raises(InputError):
            BucketSink(bad)
    if not _THERE:
        with pytest.raises(BadSetting, match="extra s3"):
            BucketSink("s3://bucket/prefix")
