"""The whole check of a node."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.support.nodes import commit, new_repo
from tests.support.rawxet import RawFile, raw_file
from tests.support.xetflows import damage, send_file, send_xorb

from hanse.errors import BadSetting
from hanse.flows.fsck import fsck
from hanse.flows.node import Node
from hanse.flows.operations import PutBytes, PutFile
from hanse.model.actor import Actor
from hanse.store.keys import xorb_key


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(71).randbytes(400_000))


def test_a_used_node_is_clean(node: Node, alice: Actor, file: RawFile, tmp_path: Path) -> None:
    """Uploads, commits and small files leave nothing to report, and everything is looked at."""
    repo = new_repo(node, alice, "alice/a")
    send_file(node, alice, repo, file)
    commit(node, alice, repo, PutFile("model.bin", file.sha256, len(file.data)), PutBytes("config.json", b"{}"))
    commit(node, alice, repo, PutBytes("config.json", b'{"a": 1}'))
    report = fsck(node, quarantine=tmp_path / "quarantine")
    assert report.problems == ()
    assert report.clean
    for kind in ("xorb", "table", "blob", "shard", "chunk-list", "record", "xorb row", "file", "revision", "leaf"):
        assert report.checked[kind] >= 1, kind
    assert report.read > len(file.data)
    assert json.loads(json.dumps(report.as_json()))["clean"] is True
    assert not (tmp_path / "quarantine").exists()


def test_damage_is_quarantined_and_healed_by_sending_again(lite: Node, owner: Actor, file: RawFile, tmp_path: Path) -> None:
    """A damaged xorb moves away, its files are named, and whoever has the bytes can bring them back."""
    repo = new_repo(lite, owner, "owner/healed")
    send_file(lite, owner, repo, file)
    commit(lite, owner, repo, PutFile("model.bin", file.sha256, len(file.data)))
    damage(lite, xorb_key(file.xorb), 1000)
    left = fsck(lite)
    assert {problem.kind for problem in left.problems} == {"xorb"}
    assert not left.problems[0].quarantined
    moved = fsck(lite, quarantine=tmp_path / "quarantine")
    assert {problem.kind for problem in moved.problems} >= {"xorb", "file"}
    assert (tmp_path / "quarantine" / xorb_key(file.xorb)).stat().st_size == len(file.xorb_bytes)
    assert lite.store.size(xorb_key(file.xorb)) is None
    assert send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    assert fsck(lite).clean


def test_progress_and_quarantine(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """Progress is told per kind; the quarantine must be a folder."""
    new_repo(lite, owner, "owner/a")
    seen: list[tuple[str, int]] = []
    fsck(lite, progress=lambda kind, count: seen.append((kind, count)))
    assert ("revision", 1) in seen
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(BadSetting):
        fsck(lite, quarantine=tmp_path / "taken")
