"""Reports and waivers over HTTP."""

from __future__ import annotations

import hashlib
import json
import time
from urllib.parse import quote

from huggingface_hub import CommitOperationAdd, HfApi
from tests.web.hub.conftest import People

from hanse.model.canonical import canonical

ODD = b"\x00garbage" * 9
DIGEST = hashlib.sha256(ODD).hexdigest()


def _publish(api: HfApi, repo: str) -> None:
    files = {"x.gguf": ODD, "sub/what is this.xyz": b"\x00\x01\x02" * 50}
    api.create_commit(repo, operations=[CommitOperationAdd(path, data) for path, data in files.items()], commit_message="c")


def test_a_report_is_canonical_evidence(people: People, api: HfApi, repo: str) -> None:
    """The evidence in the answer has the digest that stands beside it; facts come when asked for."""
    _publish(api, repo)
    found = people.raw()("GET", f"/api/models/{repo}/scan/main/x.gguf?facts=1").json()
    assert hashlib.sha256(canonical(found["evidence"])).hexdigest() == found["digest"]
    assert (found["sha256"], found["action"], found["evidence"]["path"]) == (DIGEST, "hold", "x.gguf")
    assert found["facts"]["size"] == len(ODD)
    nested = people.raw()("GET", f"/api/models/{repo}/scan/main/{quote('sub/what is this.xyz', safe='')}").json()
    assert "facts" not in nested
    assert people.raw("")("GET", f"/api/models/{repo}/scan/main/x.gguf").status == 403


def test_a_warning_goes_with_what_is_served(people: People, api: HfApi, repo: str) -> None:
    """A file that nobody can vouch for is served, with a warning that names it."""
    _publish(api, repo)
    reply = people.raw("")("GET", f"/{repo}/resolve/main/{quote('sub/what is this.xyz', safe='')}")
    assert reply.status == 200
    topic, _, text = reply.headers["x-hf-warning"].partition("; ")
    assert topic == "sub/what is this.xyz"
    assert "FILE-UNKNOWN-FORMAT" in text


def test_waivers(people: People, api: HfApi, repo: str) -> None:
    """The owner lets a held file pass, everybody sees that he did, and he takes it back."""
    _publish(api, repo)
    body = {"sha256": DIGEST, "rules": ["ROUTE-NOT-AS-NAMED"], "reason": "looked at by hand", "endsAt": int(time.time()) + 10_000}
    address = f"/api/models/{repo}/waivers"
    assert people.raw(people.bob).json("POST", address, body).status == 403
    assert people.raw("").json("POST", address, body).status == 401
    made = people.raw().json("POST", address, body)
    assert made.status == 200, made
    assert people.raw("")("GET", f"/{repo}/resolve/main/x.gguf").status == 200
    (shown,) = people.raw("")("GET", address).json()
    assert (shown["author"], shown["rules"], shown["operator"]) == ("admin", ["ROUTE-NOT-AS-NAMED"], True)
    assert people.raw()("DELETE", f"{address}/x").status == 400
    assert people.raw()("DELETE", f"{address}/{shown['id']}").status == 200
    assert people.raw("")("GET", f"/{repo}/resolve/main/x.gguf").status == 404
    assert people.raw().json("POST", address, {**body, "rules": []}).status == 400


def test_uploads_have_reports(people: People, api: HfApi, repo: str) -> None:
    """Who sent a content may ask about it by digest, nobody else."""
    _publish(api, repo)
    address = f"/api/scan/{DIGEST}?path=other.txt"
    assert people.raw()("GET", address).json()["evidence"]["path"] == "other.txt"
    assert people.raw(people.bob)("GET", address).status == 404
    assert people.raw("")("GET", address).status == 401
    assert people.raw()("GET", "/api/scan/nonsense").status == 400
    assert people.raw()("GET", f"/api/scan/{DIGEST}?path=../x").status == 400
    assert json.dumps(DIGEST)
