"""Git LFS over HTTP: the client's own uploads, and requests that lie."""

from __future__ import annotations

import base64
import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from tests.support.rawhttp import RawClient
from tests.web.hub.conftest import PART_BYTES, People

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # between client and its HTTP library

DATA = random.Random(8).randbytes(50_000)
OID = sha256(DATA).hexdigest()


def _batch(raw: RawClient, repo: str, *objects: tuple[str, int], **more: Any) -> Any:
    body = {"operation": "upload", "transfers": ["basic", "multipart"], "hash_algo": "sha256", **more}
    body["objects"] = [{"oid": oid, "size": size} for oid, size in objects]
    return raw.json("POST", f"/{repo}.git/info/lfs/objects/batch", body)


def _href(people: People, answer: Any, action: str = "upload") -> str:
    return str(answer.json()["objects"][0]["actions"][action]["href"]).removeprefix(people.node.url)


def _put(people: People, href: str, data: bytes) -> int:
    return people.raw("").__call__("PUT", href, data).status


def test_multipart_from_the_client(plain: None, api: HfApi, repo: str, tmp_path: Path) -> None:
    """A file of more than two parts is uploaded in parts and comes back the same."""
    data = random.Random(9).randbytes(2 * PART_BYTES + 12_345)
    api.upload_file(path_or_fileobj=data, path_in_repo="big.bin", repo_id=repo)
    assert Path(api.hf_hub_download(repo, "big.bin", local_dir=tmp_path)).read_bytes() == data
    datasets = api.create_repo(f"{repo}.data", repo_type="dataset").repo_id
    api.upload_file(path_or_fileobj=data, path_in_repo="big.bin", repo_id=datasets, repo_type="dataset")
    assert api.dataset_info(datasets, files_metadata=True).siblings[1].size == len(data)  # type: ignore[index]


def test_basic_and_verify(people: People, repo: str) -> None:
    """What the batch answer names is all that is needed: put, verify, and then the object is there."""
    raw = people.raw()
    answer = _batch(raw, repo, (OID, len(DATA)))
    assert answer.headers["content-type"] == "application/vnd.git-lfs+json"
    verify = _href(people, answer, "verify")
    body = {"oid": OID, "size": len(DATA)}
    assert raw.json("POST", verify, body).status == 404
    assert _put(people, _href(people, answer), DATA) == 200
    assert raw.json("POST", verify, body).status == 200
    assert people.raw("").json("POST", verify, body).status == 401
    assert "actions" not in _batch(raw, repo, (OID, len(DATA))).json()["objects"][0]


def test_wrong_bytes_are_refused(people: People, repo: str) -> None:
    """Other content, a shorter and a longer body become nothing."""
    data = b"another" * 100
    href = _href(people, _batch(people.raw(), repo, (sha256(data).hexdigest(), len(data))))
    assert _put(people, href, bytes(len(data))) == 422
    assert _put(people, href, data[:-1]) == 400
    assert _put(people, href, data + b"x") == 413
    assert _put(people, href, data) == 200


def test_addresses_work_for_nothing_else(people: People, api: HfApi, repo: str) -> None:
    """A signed address cannot be changed, used for another object or verb, or made up; and it ends with the repository."""
    data = b"signed" * 50
    href = _href(people, _batch(people.raw(), repo, (sha256(data).hexdigest(), len(data))))
    path, _, query = href.partition("?")
    for forged in (
        path,
        f"{path}?",
        f"{path}?{query[:-2]}xx",
        f"{path}?{query.replace('e=', 'e=9')}",
        href.replace(f"/{len(data)}?", f"/{len(data) + 1}?"),
        href.replace(sha256(data).hexdigest(), OID),
        path.replace("/objects/", "/parts/") + f"?{query}",
        f"/api/lfs/complete/{'ab' * 16}/1?{query}",
        f"/api/lfs/parts/{'ab' * 16}/1/1?{query}",
    ):
        assert _put(people, forged, data) in (403, 404, 405), forged
    assert people.raw("")("GET", href).status == 403
    api.delete_repo(repo)
    assert _put(people, href, data) in (401, 404)


def test_batch_refuses_nonsense(people: People, repo: str) -> None:
    """Unknown operations and digests, negative and huge sizes, and strangers get errors, not addresses."""
    raw = people.raw()
    assert _batch(raw, repo, ("ab", 5)).status == 400
    assert _batch(raw, repo, ("../../../etc/passwd", 5)).status == 400
    assert _batch(raw, repo, (OID, -1)).status == 400
    assert _batch(raw, repo, (OID, 2**70)).status == 400
    assert _batch(raw, repo, (OID, 5), operation="delete").status == 400
    assert _batch(raw, repo, (OID, 5), hash_algo="md5").status == 400
    assert _batch(raw, repo, *[(OID, 5)] * 1001).status == 400
    assert _batch(raw, repo, ("ab" * 32, 2**60)).json()["objects"][0]["error"]["code"] == 422
    assert _batch(people.raw(people.carol), repo, (OID, 5)).status == 403
    assert _batch(people.raw(""), repo, (OID, 5)).status == 401
    assert _batch(raw, f"{repo}x", (OID, 5)).status == 404
    assert raw.json("POST", f"/{repo}/info/lfs/objects/batch", {}).status == 400
    assert raw.json("POST", f"/{repo}.git/info/lfs/locks/verify", {}).status == 404


def test_xet_is_chosen_when_offered(people: People, repo: str) -> None:
    """Clients that offer Xet are told to use it, and given what the token route would give them."""
    answer = _batch(people.raw(), repo, ("cd" * 32, 5), transfers=["basic", "multipart", "xet"]).json()
    assert answer["transfer"] == "xet"
    action = answer["objects"][0]["actions"]["upload"]
    assert action["href"] == f"{people.node.url}/api/models/{repo}/xet-write-token/main"
    assert action["header"]["X-Xet-Cas-Url"].startswith(people.node.url)
    assert _batch(people.raw(people.bob), repo, ("cd" * 32, 5), transfers=["xet"]).status == 200


def test_downloads(people: People, api: HfApi, repo: str) -> None:
    """Objects that a commit names can be fetched by signed address, with ranges; others and private ones cannot."""
    data = random.Random(10).randbytes(60_000)
    digest = sha256(data).hexdigest()
    raw = people.raw()
    assert _put(people, _href(people, _batch(raw, repo, (digest, len(data)))), data) == 200
    line = f'{{"key":"lfsFile","value":{{"path":"m","algo":"sha256","oid":"{digest}"}}}}'
    header = '{"key":"header","value":{"summary":"s"}}'
    assert raw("POST", f"/api/models/{repo}/commit/main", f"{header}\n{line}\n".encode()).status == 200
    answer = _batch(people.raw(""), repo, (digest, len(data)), ("ef" * 32, 5), operation="download")
    href = _href(people, answer, "download")
    assert answer.json()["objects"][1]["error"]["code"] == 404
    assert people.raw("")("GET", href).body == data
    part = people.raw("")("GET", href, headers={"range": "bytes=10-19"})
    assert (part.status, part.body) == (206, data[10:20])
    assert _put(people, href, data) == 403
    api.update_repo_settings(repo, gated="manual")
    assert _batch(people.raw(people.bob), repo, (digest, len(data)), operation="download").status == 403
    assert people.raw("")("GET", href).status == 401
    api.update_repo_settings(repo, gated=False, private=True)
    assert people.raw("")("GET", href).status in (401, 404)


@pytest.mark.parametrize("repo_name", ["admin/../x", "admin%2Fx", "admin/x%2Fy", "datasets/admin/none"])
def test_odd_repository_names(people: People, repo_name: str) -> None:
    """Names that are no repository lead nowhere."""
    assert _batch(people.raw(), repo_name, (OID, 5)).status in (400, 404)


def test_the_token_as_a_password(people: People, repo: str) -> None:
    """Clients of LFS send Basic: asking for an upload and its check take the token so, other routes do not."""
    nobody = people.raw("")
    pair = base64.b64encode(f"USER:{people.raw().token}".encode()).decode()
    headers = {"authorization": f"Basic {pair}", "content-type": "application/json"}
    data = random.Random(21).randbytes(900)
    body = {"oid": sha256(data).hexdigest(), "size": len(data)}
    asked = json.dumps({"operation": "upload", "transfers": ["basic"], "hash_algo": "sha256", "objects": [body]}).encode()
    answer = nobody("POST", f"/{repo}.git/info/lfs/objects/batch", asked, headers)
    assert answer.status == 200
    assert _put(people, _href(people, answer), data) == 200
    assert nobody("POST", _href(people, answer, "verify"), json.dumps(body).encode(), headers).status == 200
    assert nobody("GET", "/api/whoami-v2", None, headers).status == 401
    assert nobody("POST", f"/{repo}.git/info/lfs/objects/batch", asked, headers | {"authorization": "Basic !"}).status == 401
