"""Settling by hand: everything that may be signed is signed and logged, and cosigned by members who see it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.support.signers import signer

from hanse.db import cosignatures, cosigners, leaves
from hanse.db.cosignatures import Cosignature
from hanse.db.cosigners import Cosigner
from hanse.flows.attest import attest_next
from hanse.flows.attest_scan import attest_scan_next, scan_passed_next
from hanse.flows.node import Node
from hanse.flows.settle import START, Step
from hanse.flows.trust import mirror_name, witness_name
from hanse.tlog.cosignature import cosign, cosigner_key


def attest_all(node: Node, rest: int = 0) -> int:
    """Attest everything that has settled; return how many heads were looked at."""
    return _all(lambda after: attest_next(node, rest, after))


def attest_scans(node: Node, rest: int = 0) -> int:
    """Sign every verdict on what has settled; return how many heads were looked at."""
    return _all(lambda after: attest_scan_next(node, rest, after))


def scan_passed(node: Node) -> int:
    """Judge and sign what was attested and passed over; return how many revisions were looked at."""
    return _all(lambda after: scan_passed_next(node, after))


def _all(step: Step) -> int:
    after, count = START, 0
    while (found := step(after)) is not None:
        after, count = found, count + 1
        assert count < 100
    return count


def settle(node: Node) -> None:
    """Attest everything and wait until all of it is in the log."""
    attest_all(node)
    attest_scans(node)
    wait(node)


def wait(node: Node) -> None:
    """Wait until no leaf waits for the sequencer."""
    end = time.monotonic() + 120
    while True:
        with node.db.read() as conn:
            if not any(leaves.outstanding(conn)):
                return
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(node: Node, members: Iterable[str]) -> None:
    """Let the node ask these members for cosignatures, as witnesses and as mirrors."""
    with node.db.write() as conn:
        for member in members:
            for kind, name in (("witness", witness_name(member)), ("mirror", mirror_name(member))):
                vkey = cosigner_key(name, signer(name).public).text
                cosigners.put(conn, Cosigner(name, kind, vkey, f"https://{member}", 0))


def cosigned(node: Node, members: Iterable[str], at: int, size: int | None = None) -> int:
    """Let members cosign the node's log, as witnesses and mirrors, at a time; return the size."""
    head = node.log.head(size)
    found = []
    for member in members:
        for kind, name in (("witness", witness_name(member)), ("mirror", mirror_name(member))):
            one = signer(name)
            key_id = cosigner_key(name, one.public).key_id.hex()
            found.append(
                Cosignature(node.origin, head.size, name, key_id, kind, head.root.hex(), at, cosign(head, name, one, at))
            )
    with node.db.write() as conn:
        cosignatures.put(conn, found)
    return head.size
