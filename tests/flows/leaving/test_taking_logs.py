"""Logs of an export are taken in like logs that are followed, if their key is known; what is false or old is not."""

from __future__ import annotations

from pathlib import Path

from tests.flows.leaving.conftest import Left
from tests.support.leaving import a_node

from hanse.db import alarms, witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.flows.leaving.sources import open_export
from hanse.flows.leaving.taking_logs import TakenLog, add_logs, take_logs
from hanse.flows.node import Node


def _take(node: Node, folder: Path) -> list[TakenLog]:
    with open_export(folder) as source:
        return list(take_logs(node, source))


def _row(node: Node, origin: str) -> WitnessedLog | None:
    with node.db.read() as conn:
        return witnesses.find(conn, origin)


def test_only_logs_whose_key_is_known(left: Left, tmp_path: Path) -> None:
    """A stranger's log is not cosigned because an export has it; with its key, or vouched for by a federation, it is."""
    key = left.node.log.key
    with a_node(tmp_path / "far", "air.example.org") as far:
        (found,) = _take(far, left.folder)
        assert (found.size, "--log" in found.says) == (0, True)
        assert _row(far, left.node.origin) is None
        add_logs(far, (), {left.node.origin: (key,), far.origin: (far.log.key,)})
        (found,) = _take(far, left.folder)
        assert found == TakenLog(left.node.origin, left.node.log.size)
        row = _row(far, left.node.origin)
        assert row is not None
        assert (row.size, row.mirrored, row.url) == (row.mirrored, left.node.log.size, "")
        assert "air.example.org/mirror" in row.mirror_note
        add_logs(far, [key.text], {})
        assert _take(far, left.folder) == [found]


def test_false_and_old_logs(left: Left, copied: Path, tmp_path: Path) -> None:
    """A false leaf is not taken in, and the true one is, afterwards; an older export raises no alarm."""
    with a_node(tmp_path / "far", "air.example.org") as far:
        add_logs(far, [left.node.log.key.text], {})
        (path,) = (copied / "log/tile/entries").rglob("*.p/*")
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"kind":"key"', b'"kind":"kez"', 1))
        (found,) = _take(far, copied)
        assert (found.size, bool(found.says)) == (0, True)
        assert _take(far, left.folder) == [TakenLog(left.node.origin, left.node.log.size)]
    with a_node(tmp_path / "near", "near.example.org") as near:
        add_logs(near, [left.node.log.key.text], {})
        assert _take(near, left.folder)[0].says == ""
        with near.db.write() as conn:
            row = witnesses.find(conn, left.node.origin)
            assert row is not None
        checkpoint = copied / "log" / "checkpoint"
        checkpoint.write_bytes(left.node.log.checkpoint(5))
        assert _take(near, copied) == [TakenLog(left.node.origin, row.mirrored)]
        with near.db.read() as conn:
            assert alarms.every(conn) == []
