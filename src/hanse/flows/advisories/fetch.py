"""Fetching the statements of advisories in the logs of others, which have only their digests.

Its own node is asked, and nobody else: what it signs it has to show, and until it does the log counts
as one whose advisories are not known. What comes is kept if it is what the leaf lists.
"""

from __future__ import annotations

import zlib

from hanse.db import foreign
from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError
from hanse.flows.advisories.book import leaves_of
from hanse.flows.foreign import statements
from hanse.flows.foreign.copies import Copy
from hanse.flows.node import Node
from hanse.flows.shown_advisories import read_shown
from hanse.model.advisory import MAX_PAYLOAD_BYTES
from hanse.peers.client import PeerClient
from hanse.sign.bundle import parse_bundle_json

MAX_BUNDLE_BYTES = 2 * MAX_PAYLOAD_BYTES
MAX_FETCHES = 16
"""Statements that are asked for in one go."""


def fetch(node: Node, peers: PeerClient, log: WitnessedLog) -> int:
    """Fetch statements that are missing of a mirrored log, the newest first; return how many came.

    Raises PeerError if its node does not answer. One that is not what its leaf lists, or not readable, is left out.
    """
    base, kept = log.url.removesuffix("/log"), 0
    copy = Copy(node.db, node.store, log)
    newest = {leaf.id: (index, leaf) for index, leaf in leaves_of(node, log)}
    wanted = []
    with node.db.read() as conn:
        for index, leaf in sorted(newest.values(), key=lambda one: -one[0]):
            if foreign.bundle(conn, log.origin, index) is None:
                wanted.append((index, leaf))
    for index, leaf in wanted[:MAX_FETCHES]:
        answer = peers.get(f"{base}/v1/advisories/{leaf.payload.sha256}", limit=MAX_BUNDLE_BYTES)
        if answer.status != 200:
            continue
        try:
            data = statements.verified(copy, index, leaf, answer.body)
            read_shown(leaf.id, parse_bundle_json(data).envelope.payload)
        except HanseError:
            continue
        with node.db.write() as conn:
            foreign.put_advisory(conn, log.origin, index, zlib.compress(data, 6))
        kept += 1
    return kept
