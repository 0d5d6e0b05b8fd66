"""Readiness tells when the journal cannot go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from starlette.requests import Request
from tests.support.faults import FaultyStore
from tests.support.nodes import ORIGIN, add_user, make_node, new_repo, running

from hanse.db.engine import Database
from hanse.errors import Busy
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.store.local import LocalStore
from hanse.web.health import readyz
from hanse.web.routing import Call


def _ask(node: Node) -> tuple[int, dict[str, Any]]:
    call = Call(Request({"type": "http", "headers": []}), node, {}, "http://node", ORIGIN)
    answer = asyncio.run(readyz(call))
    return answer.status_code, json.loads(bytes(answer.body))


def test_not_ready_while_the_journal_fails(sqlite_url: URL, tmp_path: Path) -> None:
    """A journal that cannot be written answers 503 with the kind of failure and no words; once it goes on, 200 again."""
    database, data = Database(sqlite_url), tmp_path / "data"
    node = make_node(database, data, store=FaultyStore(LocalStore(data), 1))
    register_keys(node)
    impatient = replace(node, limits=replace(node.limits, publish_timeout_seconds=0))
    with pytest.raises(Busy):
        new_repo(impatient, add_user(node, "alice"), "alice/m")
    assert _ask(node) == (200, {"status": "ready"})
    with running(node):
        _until(lambda: node.sequencer.failure is not None)
        status, body = _ask(node)
        assert status == 503
        assert body == {"status": "not ready", "reason": "Storage", "error": "the journal cannot go on"}
        _until(lambda: _ask(node)[0] == 200)
    database.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
