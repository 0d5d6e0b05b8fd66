"""Which advisories nodes list: where it is others than when a cache was last looked into, it is looked into again.

The list is believed by nobody: it only starts an audit, which verifies. Nodes that do not answer soon, or know of no advisory,
start none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from hanse.errors import HanseError, PeerDown, PeerTooSlow
from hanse.flows.pull.health import Health
from hanse.flows.pull.threads import done_within, started
from hanse.peers.client import PeerClient

MAX_NODES = 4
MAX_BYTES = 4 * 1024 * 1024
SECONDS = 1.5


def listed_now(nodes: Sequence[str], health: Health) -> str:
    """Return a digest of the advisories that nodes list, empty if none of them lists any. Never raises.

    A node that rests is not asked: what starts a program without network must not wait for it each time.
    """
    asked = {one: started(partial(_rows, one, health)) for one in nodes[:MAX_NODES] if not health.resting(one)}
    done = done_within(list(asked.values()), SECONDS)
    for url, answer in asked.items():
        if answer not in done:  # a name that nobody resolves keeps more than a connection waiting
            health.failed(url)
    found = {row for answer in done for row in answer.result()}
    return hashlib.sha256("\n".join(sorted(found)).encode("utf-8", "backslashreplace")).hexdigest() if found else ""


def _rows(url: str, health: Health) -> list[str]:
    """Return a text for each advisory that a node lists, none if it does not answer."""
    try:
        with closing(PeerClient(seconds=SECONDS)) as peers:
            answer = peers.get(f"{url.rstrip('/')}/v1/advisories", limit=MAX_BYTES)
        rows = json.loads(answer.body)["advisories"] if answer.status == 200 else []
        return [f"{one['log']} {one['id']} {one['payload']} {one['state']}" for one in rows]
    except (PeerDown, PeerTooSlow):
        health.failed(url)
    except (HanseError, ValueError, TypeError, KeyError, RecursionError):
        pass
    return []
