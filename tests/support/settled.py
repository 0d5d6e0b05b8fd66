"""Waiting until a node has signed what it was given."""

from __future__ import annotations

import time

from tests.support.live import LiveNode
from tests.support.rawhttp import RawClient

from hanse.model.evidence import parse_evidence
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS, SCAN

PATIENCE_SECONDS = 150.0


def until_signed(node: LiveNode, repo: str, rev: str = "main", *, token: str = "", kind: str = "models") -> None:
    """Wait until the evidence of a revision shows a logged manifest and scan."""
    end = time.monotonic() + PATIENCE_SECONDS
    client = RawClient(node.port, token)
    while True:
        reply = client("GET", f"/api/{kind}/{repo}/evidence/{rev}")
        assert reply.status == 200, reply
        leaves = [parse_leaf(one.leaf) for log in parse_evidence(reply.body).logs for one in log.leaves]
        if {OMS, SCAN} <= {leaf.predicate for leaf in leaves if isinstance(leaf, AttestLeaf)}:
            break
        assert time.monotonic() < end, leaves
        time.sleep(0.2)
    client.close()
