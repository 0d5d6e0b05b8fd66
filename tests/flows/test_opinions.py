"""Other scanners are asked in the background and never decide anything."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.nodes import ORIGIN, add_user, commit, new_repo
from tests.support.scanning import with_scanner

from hanse.app import opened_node
from hanse.db import scans
from hanse.db.repos import Repo
from hanse.errors import StorageError
from hanse.flows import opinions
from hanse.flows.browse import open_revision
from hanse.flows.node import Node
from hanse.flows.opinions import ask_next
from hanse.flows.publish import PutBytes
from hanse.flows.reports import of_file, of_repository
from hanse.flows.scanner import Asking
from hanse.flows.settle import START, judge_next
from hanse.jobs.external import CommandLimits
from hanse.jobs.opinion import installed_version
from hanse.jobs.pool import OPINIONS, ScanPool
from hanse.model.actor import Actor
from hanse.settings import load
from hanse.web.hub.security import file_statuses

PICKLE = b"\x80\x02ccollections\nOrderedDict\n)R."
FAKE = "import json, sys; print(json.dumps({'read': open(sys.argv[1], 'rb').read().hex(), 'name': sys.argv[1]}))"
GO_ON = threading.Event()


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite."""
    return lite


@pytest.fixture(name="second", scope="module")
def _second() -> Iterator[ScanPool]:
    pool = ScanPool(1, task=OPINIONS)
    yield pool
    pool.close()


def _asking(node: Node, pool: ScanPool, asking: Asking) -> Node:
    made = with_scanner(node, pool)
    assert made.scanning is not None
    made.scanning.asking = asking
    return made


def _publish(node: Node, alice: Actor) -> Repo:
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("w.pkl", PICKLE), PutBytes("same.pkl", PICKLE), PutBytes("README.md", b"# m\n"))
    while judge_next(node, 0) is not None:
        pass
    return repo


def _ask_all(node: Node, stopping: threading.Event = GO_ON) -> int:
    after, count = START, 0
    while (found := ask_next(node, 0, stopping, after)) is not None:
        after, count = found, count + 1
    return count


def _others(node: Node, actor: Actor, repo: Repo, path: str = "w.pkl") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(of_file(node, actor, repo, "main", path, facts=False).others or "{}")
    return found


def _imports(node: Node, actor: Actor, repo: Repo) -> Any:
    entry = open_revision(node, actor, repo, "main")[1].directory.file("w.pkl")
    assert entry is not None
    return file_statuses(node, [entry])["w.pkl"]["pickleImportScan"]


def test_picklescan_is_heard_beside_the_verdict(node: Node, alice: Actor, pool: ScanPool, second: ScanPool) -> None:
    """The real picklescan, in a worker, feeds the Hub's field; evidence stays what it was, and nothing is asked twice."""
    asking = _asking(node, pool, Asking(second, installed_version()))
    repo = _publish(asking, alice)
    before = of_file(asking, alice, repo, "main", "w.pkl", facts=False)
    own = _imports(asking, alice, repo)
    assert own["imports"][0]["module"] == "collections"
    assert before.others is None
    assert _ask_all(asking) == 1
    after = of_file(asking, alice, repo, "main", "w.pkl", facts=False)
    assert (after.digest, after.action) == (before.digest, before.action)
    said = _others(asking, alice, repo)["picklescan"]
    assert said["imports"] == [{"module": "collections", "name": "OrderedDict", "safety": "innocuous"}]
    assert (said["version"], said["error"], said["reproducible"]) == (installed_version(), None, False)
    assert _imports(asking, alice, repo) == {"status": "safe", "highestSafetyLevel": "innocuous", "imports": said["imports"]}
    assert _others(asking, alice, repo, "README.md") == {}
    assert _ask_all(asking) == 0


def test_what_picklescan_says_counts_in_its_field_only(node: Node, alice: Actor, pool: ScanPool) -> None:
    """An alarm of picklescan's is shown as its own; the file's status is that of the verdict."""
    asking = _asking(node, pool, Asking())
    repo = _publish(asking, alice)
    entry = open_revision(asking, alice, repo, "main")[1].directory.file("w.pkl")
    assert entry is not None
    alarm = {"imports": [{"module": "m", "name": "n", "safety": "dangerous"}], "count": 1, "error": None}
    status = file_statuses(with_scanner(node, pool), [entry])["w.pkl"]["status"]
    with node.db.write() as conn:
        scans.set_others(conn, entry.sha256, json.dumps({"picklescan": alarm}))
    shown = file_statuses(asking, [entry])["w.pkl"]
    assert (shown["status"], shown["pickleImportScan"]["highestSafetyLevel"]) == (status, "dangerous")


def test_a_command_is_heard(node: Node, alice: Actor, pool: ScanPool, tmp_path: Path) -> None:
    """The operator's command reads each executable content once, and its JSON stands in the report."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    asking = _asking(node, pool, Asking(command=(sys.executable, str(script), "{file}")))
    repo = _publish(asking, alice)
    stopping = threading.Event()
    stopping.set()
    assert _ask_all(asking, stopping) == 0
    assert _ask_all(asking) == 1
    also = _others(asking, alice, repo)["also"]
    assert also["output"] == {"read": PICKLE.hex(), "name": "file.pkl"}
    assert (also["exit"], also["error"], also["reproducible"]) == (0, None, False)
    assert "also" not in _others(asking, alice, repo, "README.md")
    assert _ask_all(asking) == 0
    assert asking.scanning is not None
    asking.scanning.asking = Asking(command=("hanse-no-such-scanner", "{file}"), limits=CommandLimits(seconds=5))
    assert _ask_all(asking) == 1
    assert _others(asking, alice, repo)["also"]["error"] == "start"


def test_it_goes_on_with_the_next_file(node: Node, alice: Actor, pool: ScanPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for one file is tried again; what was answered before is not asked again."""
    asking = _asking(node, pool, Asking(command=("x", "{file}")))
    repo = new_repo(asking, alice, "alice/m")
    commit(asking, alice, repo, PutBytes("a.pkl", PICKLE), PutBytes("b.pkl", PICKLE[:-1] + b"0."))
    judge_next(asking, 0)
    asked: list[str] = []

    def run(_command: object, file: Path, *_rest: object) -> dict[str, Any]:
        asked.append(file.read_bytes().hex())
        if len(asked) == 2:
            raise StorageError("the disk is full")
        return {"output": 1, "error": None}

    monkeypatch.setattr(opinions, "run_command", run)
    assert _ask_all(asking) == 1
    assert len(asked) == 2
    assert _ask_all(asking) == 1
    assert len(asked) == 3
    assert asked[1] == asked[2]
    assert _ask_all(asking) == 0


def test_nobody_is_asked_unless_told(node: Node, alice: Actor, pool: ScanPool) -> None:
    """Without other scanners there is nothing to do, and with others there is something new."""
    scanned = with_scanner(node, pool)
    _publish(scanned, alice)
    assert _ask_all(scanned) == 0
    assert _ask_all(node) == 0
    assert replace(Asking(), version="1").basis == Asking().basis
    assert Asking(command=("a",)).basis != Asking().basis


def test_a_served_node_does_it_by_itself(tmp_path: Path) -> None:
    """From settings alone: a commit, and about a second later verdict and second opinions are there."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    flags = {
        "data": str(tmp_path / "node"),
        "origin": ORIGIN,
        "settle_seconds": "1",
        "scan_also": f"{sys.executable} {script} {{file}}",
    }
    with opened_node(load(flags, {"HOME": str(tmp_path)})) as node:
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
        commit(node, alice, repo, PutBytes("w.pkl", PICKLE))
        end = time.monotonic() + 120
        while set(_others(node, alice, repo)) != {"also", "picklescan"} and time.monotonic() < end:
            time.sleep(0.05)
        assert set(_others(node, alice, repo)) == {"also", "picklescan"}
        assert of_repository(node, alice, repo, "main").evidence is not None
