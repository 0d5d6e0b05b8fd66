"""Members of a federation as real processes: a restored backup, two processes of one member, cut networks, one who censors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from sqlalchemy import URL
from tests.support.alliance import alliance, copied, holds, info, upload
from tests.support.clients import Client, sample_folder
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.members import Institution, Person, cosign, institutions, until
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.unshared import run_unshared

from hanse.db.witnesses import origin_hash

ROOT = Path(__file__).resolve().parents[2]
ORIGINS = ("a.example", "b.example", "c.example")
REPO = "uni/model"
FOLLOWING = {"HANSE_FOLLOW_SECONDS": "1", "HANSE_SETTLE_SECONDS": "1"}


def _client(one: Institution) -> RawClient:
    return RawClient(one.node.port, ADMIN_TOKEN, host=str(urlsplit(one.node.url).hostname))


def commit(one: Institution, repo: str, path: str, data: bytes) -> tuple[int, bytes]:
    """Commit a file and return status and answer."""
    with _client(one) as client:
        found = client("POST", f"/api/models/{repo}/commit/main", commit_body(put_bytes(path, data)))
        return found.status, found.body


def mirrored(by: Institution, origin: str) -> int:
    """Return how many leaves of a log a member holds and cosigned."""
    try:
        return int(by.node.get(f"/mirror/{origin_hash(origin)}/checkpoint")[1].split()[1])
    except HTTPError:
        return 0


def size_of(one: Institution) -> int:
    """Return how many leaves a member's own log has."""
    return int(one.node.get("/log/checkpoint")[1].split()[1])


@pytest.mark.long
def test_a_restored_backup(mother: Mother, tmp_path: Path) -> None:
    """A member put back to an old state hears it from those who cosigned, signs nothing, tells the way out; others go on."""
    with alliance(mother, tmp_path, *ORIGINS) as (a, b, c):
        sample_folder(tmp_path / "model")
        upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
        copied(b, REPO, str(_sha(a)))
        assert a.node.stop() == 0
        shutil.copytree(a.node.data, tmp_path / "backup")
        a.node.start()
        assert commit(a, REPO, "later.txt", b"later")[0] == 200
        later = _sha(a)
        until(lambda: min(mirrored(one, "a.example") for one in (b, c)) >= size_of(a), "the mirrors")
        copied(b, REPO, later)
        assert a.node.stop() == 0
        shutil.rmtree(a.node.data)
        shutil.copytree(tmp_path / "backup", a.node.data)
        a.node.start()
        until(lambda: "cosigned this log with" in a.node.log(), "what others know of it")
        status, body = commit(a, REPO, "fork.txt", b"fork")
        assert status == 422, body
        assert "older copy" in body.decode() + a.node.log()
        with pytest.raises(HTTPError, match="422"):
            a.node.get("/log/checkpoint")
        # The others go on with each other, and hold and serve what the restored one lost.
        before = mirrored(c, "b.example")
        assert commit(b, own_repo(b, "own"), "x.txt", b"x")[0] == 200
        until(lambda: mirrored(c, "b.example") > before, "that the others go on")
        assert holds(b, REPO, later)


def own_repo(one: Institution, name: str) -> str:
    """Make a repository of the administrator and return its path."""
    with _client(one) as client:
        assert client.json("POST", "/api/repos/create", {"name": name, "organization": "admin"}).status == 200
    return f"admin/{name}"


def _sha(one: Institution) -> str:
    return str(info(one, REPO)["sha"])


@pytest.mark.soak
def test_two_processes_of_one_member(mother: Mother, tmp_path: Path, postgres_url: URL) -> None:
    """Of two processes over one PostgreSQL one follows and cosigns; when it is killed the other goes on, and no log forks."""
    url = postgres_url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    with institutions(mother, tmp_path, "a.example", environ=FOLLOWING) as (a,):
        shared = {"HANSE_ORIGIN": "b.example", "HANSE_DATABASE": url, **FOLLOWING}
        nodes = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            node = ForkedNode(mother, tmp_path / name, environ=shared)
            node.data = tmp_path / "data"
            node.start()
            nodes.append(node)
        try:
            one, two = (_Shared(mother, node, url) for node in nodes)
            cosign(a, one)
            own = own_repo(a, "own")
            _grow(a, own, one, two)
            for victim, survivor in ((one, two), (two, one)):
                victim.node.kill()
                _grow(a, own, survivor)
                victim.node.start()
            _grow(a, own, one, two)
            said = one.node.log() + two.node.log()
            assert "equivocation" not in said
            assert "Traceback" not in said
        finally:
            for node in nodes:
                node.stop()


class _Shared(Institution):
    """A process of a member of several; its commands are about the shared catalogue."""

    def __init__(self, mother: Mother, node: ForkedNode, url: str) -> None:
        super().__init__(mother, node)
        self._url = url

    def hanse(self, *arguments: str | Path, status: int = 0, **environ: str) -> str:
        """Run a command about the shared catalogue."""
        return super().hanse(*arguments, status=status, **{"HANSE_DATABASE": self._url, **environ})


def _grow(publisher: Institution, repo: str, *cosigners: Institution) -> None:
    """Publish, and wait until every process says that it is mirrored."""
    threads = [threading.Thread(target=commit, args=(publisher, repo, f"{number}.txt", os.urandom(8))) for number in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    size = size_of(publisher)
    for by in cosigners:
        until(lambda by=by: mirrored(by, "a.example") >= size, f"that {by.node.folder.name} knows")  # type: ignore[misc]


@pytest.mark.long
def test_a_member_that_censors(mother: Mother, tmp_path: Path) -> None:
    """One member that answers nobody keeps nothing from anybody: the others publish, cosign, copy, and readers verify."""
    with alliance(mother, tmp_path, *ORIGINS, "d.example") as (a, b, c, d):
        os.kill(d.node.pid, 19)  # stopped: it takes connections, and says nothing
        try:
            sample_folder(tmp_path / "model")
            rev = upload(a, REPO, tmp_path / "model", tmp_path / "publisher")
            until(lambda: min(mirrored(one, "a.example") for one in (b, c)) >= size_of(a), "the mirrors")
            until(lambda: any(holds(one, REPO, rev) for one in (b, c)), "a copy")  # one of two may be d's to hold
            copy = tmp_path / "copy"
            Client("hub2", a.node, tmp_path / "reader").hf("download", REPO, "--local-dir", copy)
            stranger = Person(mother, tmp_path / "stranger")
            assert stranger.hanse("verify", copy, "--repo", REPO, "--node", a.node.url).startswith("verified: ")
        finally:
            os.kill(d.node.pid, 18)


@pytest.mark.long
def test_cut_networks(tmp_path: Path) -> None:
    """Members in network namespaces of their own are cut apart and put together again: see `tests.faults.partition`."""
    run_unshared("tests.faults.partition", tmp_path, net=True, seconds=280)


@pytest.mark.long
def test_a_thousand_repositories(tmp_path: Path) -> None:
    """A log of 1,000 repositories and 100,000 leaves is followed from zero, 2,000 leaves in a CPU-second or more."""
    command = [sys.executable, "-m", "tests.faults.many_repos", str(tmp_path / "m")]
    env = {**os.environ, "PYTHONPATH": "src:."}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800, check=True)
    took = json.loads(done.stdout.splitlines()[-1])
    assert took["leaves"] == 100_000
    assert took["peak"] < 1_000_000_000
    assert took["leaves"] / took["seconds"] >= 2_000
