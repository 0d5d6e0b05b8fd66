"""Global deduplication: which stored xorb holds a chunk that an uploader has, told only where he may refer to it.

The answer blinds every chunk hash under a fresh key, so it teaches nothing about chunks that the caller does not have
(hub-api.md B.8). Clients keep answers for weeks: the day of the last one is recorded, and garbage collection waits for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from hanse.content.shard import dedup_shard, xorb_block
from hanse.db import xorbs
from hanse.db.repos import Repo
from hanse.db.xorbs import XorbRow
from hanse.errors import BlobNotFound
from hanse.flows.node import Node
from hanse.flows.scope import usable_scope
from hanse.model.actor import Actor
from hanse.model.digest import XetHash, xet_to_bytes

ANSWER_SECONDS = 7 * 86400
_MAX_HOLDERS = 2
_NEIGHBOURS = 48
_DAY = 86400


def answer(node: Node, actor: Actor, repo: Repo, chunk: XetHash) -> bytes:
    """Return the shard that says where `chunk` is stored; raises BlobNotFound if it is nowhere the actor may refer to.

    The caller has checked that the actor may upload to `repo` (`hanse.flows.sessions`).
    """
    with node.db.read() as conn:
        scope = usable_scope(actor, repo)
        rows = xorbs.find_chunk(conn, scope, xet_to_bytes(chunk), _MAX_HOLDERS)
        if rows:  # files lie in xorbs that came in one after the other: whoever has one chunk often has those that follow
            near = xorbs.neighbours(conn, scope, rows[0].id, _NEIGHBOURS)
            rows = list({row.id: row for row in (*rows, *near)}.values())
    if not rows:
        raise BlobNotFound("this chunk is not known here")
    blocks = [xorb_block(node.transfers.tables.get(node.store, row.hash).table) for row in rows]
    advertise(node, rows)
    now = node.clock.now()
    return dedup_shard(blocks, key=secrets.token_bytes(32), now=now, expires=now + ANSWER_SECONDS)


def advertise(node: Node, rows: Iterable[XorbRow]) -> None:
    """Record, once a day and before the answer leaves, that an answer names these xorbs."""
    today = node.clock.now() // _DAY
    stale = [row.id for row in rows if row.advertised_day is None or row.advertised_day < today]
    if stale:
        with node.db.write() as conn:
            xorbs.advertise(conn, stale, today)
