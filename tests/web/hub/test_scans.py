"""Reports and waivers over HTTP."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from contextlib import closing
from urllib.parse import quote

from huggingface_hub import CommitOperationAdd, HfApi
from tests.web.hub.conftest import People

from hanse.db import repos, repository_scans
from hanse.db.engine import Database, sqlite_url
from hanse.db.repository_scans import RepositoryScan
from hanse.db.state import get_state
from hanse.flows.rulesets import builtin_ruleset
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.finding import Coverage, Finding, RepositoryJudgement, Verdict
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.scan.versions import SCANNER

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


def _judge_whole(people: People, repo: str, rev: str) -> None:
    """Keep a verdict on a revision as the node does once it rested."""
    rules = builtin_ruleset()
    finding = Finding("REPO-PICKLE-ONLY", Verdict.CAUTION, "it says 'w.bin'", "a remedy", "w.bin")
    judged = RepositoryJudgement(Verdict.CAUTION, Coverage.COMPLETE, (finding,), (), 1, SCANNER, rules.digest)
    with closing(Database(sqlite_url(people.node.data / "hanse.db"))) as database, database.write() as conn:
        namespace, name = repo.split("/")
        named = RepoId(Origin(get_state(conn)["origin"]), RepoType.MODEL, namespace, name)
        found = repos.find(conn, named)
        assert found is not None
        report = zlib.compress(canonical(judged.to_json()))
        repository_scans.put(conn, RepositoryScan(found[0].id, GitOid(rev), rules.digest, SCANNER, report, "", 0))


def test_a_revision_has_a_report_as_a_whole(people: People, api: HfApi, repo: str) -> None:
    """Until it was judged it has none; then it is evidence, and whoever asks for the repository is warned."""
    rev = api.create_commit(repo, operations=[CommitOperationAdd("a.txt", b"a")], commit_message="c").oid
    before = people.raw("")("GET", f"/api/models/{repo}/scan/main")
    assert before.json() == {"rev": rev, "digest": None, "evidence": None}
    info = people.raw("")("GET", f"/api/models/{repo}?securityStatus=true")
    assert info.json()["securityRepoStatus"]["repository"] is None
    assert "x-hf-warning" not in info.headers
    _judge_whole(people, repo, str(rev))
    found = people.raw("")("GET", f"/api/models/{repo}/scan/main").json()
    assert hashlib.sha256(canonical(found["evidence"])).hexdigest() == found["digest"]
    assert found["evidence"]["findings"][0]["says"] == "it says 'w.bin'"
    info = people.raw("")("GET", f"/api/models/{repo}?securityStatus=true")
    assert info.json()["securityRepoStatus"]["repository"] == {
        "verdict": "caution",
        "coverage": "complete",
        "findings": [{"rule": "REPO-PICKLE-ONLY", "severity": "caution", "path": "w.bin"}],
    }
    topic, _, text = info.headers["x-hf-warning"].partition("; ")
    assert topic == repo
    assert "REPO-PICKLE-ONLY" in text
    assert "w.bin" not in text


def test_reports_of_private_repositories_are_private(people: People, api: HfApi, repo: str) -> None:
    """Who may not see a repository gets the answer of one that is not there."""
    api.update_repo_settings(repo, private=True)
    assert people.raw(people.bob)("GET", f"/api/models/{repo}/scan/main").status == 404
    assert people.raw("")("GET", f"/api/models/{repo}/scan/main").status in (401, 404)
    assert people.raw()("GET", f"/api/models/{repo}/scan/nowhere").status == 404
