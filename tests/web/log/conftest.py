"""A live node with a log of several sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes


@pytest.fixture(name="live", scope="package")
def _live(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node with one repository and a few commits."""
    environ = {"HANSE_RATE_API": "0", "HANSE_LOG_LEVEL": "warning", "HANSE_ORIGIN": "log.example.org"}
    with forked_node(mother, tmp_path_factory.mktemp("log"), environ=environ) as node:
        with RawClient(node.port, ADMIN_TOKEN) as hub:
            assert hub.json("POST", "/api/repos/create", {"name": "logged", "type": "model"}).status == 200
            for number in range(3):
                body = commit_body(put_bytes("f.txt", b"%d" % number))
                assert hub("POST", "/api/models/admin/logged/commit/main", body).status == 200
        yield node
