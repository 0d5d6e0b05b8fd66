"""X-Accel-Redirect with a real nginx in front: whole objects are sent by nginx, with the node's validators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient
from tests.support.tls import nginx

DATA = b"0123456789" * 1000


@pytest.fixture(name="front", scope="module")
def _front(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RawClient, Path]]:
    """Return a client of an nginx before a node, with a file pushed through both."""
    folder = tmp_path_factory.mktemp("front")
    # nginx's workers must be able to read the objects: they run as whoever runs the node.
    user = f"user {Path('/proc/self').owner()};\n" if Path("/proc/self").owner() == "root" else ""
    with (
        forked_node(mother, folder, environ={"HANSE_OFFLOAD": "x-accel"}) as node,
        nginx(folder / "nginx", node.url, node.data / "objects", user=user) as address,
    ):
        api = HfApi(endpoint=address, token=ADMIN_TOKEN)
        api.create_repo("admin/m")
        api.create_commit("admin/m", operations=[CommitOperationAdd("a.txt", DATA)], commit_message="add")
        with RawClient(int(address.rpartition(":")[2])) as client:
            yield client, folder


def test_bytes_ranges_and_conditions(front: tuple[RawClient, Path]) -> None:
    """The whole file, a range and a known validator are answered as the node alone would."""
    client, _ = front
    whole = client("GET", "/admin/m/resolve/main/a.txt")
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, DATA, "text/plain; charset=utf-8")
    part = client("GET", "/admin/m/resolve/main/a.txt", headers={"range": "bytes=5-14"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, DATA[5:15], "bytes 5-14/10000")
    suffix = client("GET", "/admin/m/resolve/main/a.txt", headers={"range": "bytes=-3"})
    assert (suffix.status, suffix.body) == (206, b"789")
    known = client("GET", "/admin/m/resolve/main/a.txt", headers={"if-none-match": whole.headers["etag"]})
    assert (known.status, known.body) == (304, b"")
    head = client("HEAD", "/admin/m/resolve/main/a.txt")
    for name in ("etag", "x-repo-commit", "cache-control", "content-disposition", "content-security-policy"):
        assert whole.headers[name] == head.headers[name] == part.headers[name]


def test_the_internal_location_is_internal(front: tuple[RawClient, Path]) -> None:
    """Nobody reaches the objects by their own address, and no answer names one."""
    client, folder = front
    objects = folder / "node" / "objects"
    some = next(path for path in (objects / "blobs").rglob("*") if path.is_file())
    assert client("GET", f"/_hanse_objects/{some.relative_to(objects)}").status == 404
    assert "x-accel-redirect" not in client("GET", "/admin/m/resolve/main/a.txt").headers
