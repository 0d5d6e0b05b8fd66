"""Private bytes of a real node through a gateway: for the token that may see them, and for nobody else, held or not."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.wholegateway import whole_gateway

from hanse.app_gateway import Gateway

REPO, SECRET = "admin/private-through", b"nobody else's business\n" * 100
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(name="node")
def _node(mother: Mother, tmp_path: Path) -> Iterator[LiveNode]:
    (tmp_path / "node").mkdir()
    with forked_node(mother, tmp_path / "node") as node:
        yield node


def _publish(node: LiveNode, *, private: bool) -> str:
    with RawClient(node.port, ADMIN_TOKEN) as client:
        told = {"name": REPO.partition("/")[2], "organization": "admin", "type": "model", "private": private}
        client.json("POST", "/api/repos/create", told)
        body = commit_body(put_bytes("x.txt", SECRET))
        reply = client("POST", f"/api/models/{REPO}/commit/main", body, {"content-type": "application/x-ndjson"})
    assert reply.status == 200, reply
    return str(reply.json()["commitOid"])


def _get(gateway: Gateway, path: str, token: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with _OPENER.open(urllib.request.Request(f"{gateway.url}/{path}", headers=headers), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.soak
def test_private_bytes_are_for_their_token(node: LiveNode, tmp_path: Path) -> None:
    """Before and after it is held, by branch and commit, listed or read: a private repository does not exist for others."""
    rev = _publish(node, private=True)
    paths = [f"{REPO}/resolve/{one}/x.txt" for one in ("main", rev)]
    listed = [f"api/models/{REPO}", f"api/models/{REPO}/tree/{rev}", f"api/models/{REPO}/revision/main"]
    with whole_gateway(tmp_path / "user", nodes=(node.url,), environ={"HF_ENDPOINT": node.url}) as gateway:
        for _ in range(2):
            for token in ("", "hf_of_somebody_else"):
                for path in (*paths, *listed):
                    status, body = _get(gateway, path, token)
                    assert status in (401, 403, 404), (path, token, status)
                    assert SECRET not in body
            assert [_get(gateway, path, ADMIN_TOKEN) for path in paths] == [(200, SECRET)] * 2
            assert json.loads(_get(gateway, listed[0], ADMIN_TOKEN)[1])["private"] is True
    said = list[str]()
    with whole_gateway(
        tmp_path / "user", nodes=("http://127.0.0.1:9",), environ={"HF_ENDPOINT": "http://127.0.0.1:9"}, said=said
    ) as alone:
        assert _get(alone, paths[1], ADMIN_TOKEN) == (200, SECRET)
        assert _get(alone, paths[1], "")[0] in (401, 403, 404, 502)
        assert _get(alone, paths[1], "hf_of_somebody_else")[0] in (401, 403, 404, 502)
