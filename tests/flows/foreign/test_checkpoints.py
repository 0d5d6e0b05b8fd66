"""Cosignatures are taken up wherever they are met, if they verify, are of a cosigner who is known, and of what is held here."""

from __future__ import annotations

from tests.flows.foreign.conftest import A, Agreed, B
from tests.support.signers import signer

from hanse.db import cosignatures, foreign
from hanse.flows.foreign.checkpoints import learn, shown_note
from hanse.flows.trust import witness_name
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.cosignature import cosign


def test_only_good_lines_are_taken_up(agreed: Agreed) -> None:
    """Strangers, false lines and other checkpoints are passed over; what is shown has the log's signature first."""
    home, node = agreed.three[A], agreed.three[B]
    with node.db.read() as conn:
        (kept, *_) = foreign.kept_checkpoints(conn, A)
        before = cosignatures.of_size(conn, A, kept.size)
    opened = open_checkpoint(shown_note(node, A, kept), home.log.key)
    assert len(opened.note.signatures) == 1 + len(before) == 5
    head, now = opened.checkpoint, node.clock.now()
    stranger = cosign(head, witness_name("x.example"), signer("x"), now)
    false = cosign(head, witness_name(A), signer("x"), now)
    ahead = cosign(head, witness_name(B), node.keys.witness, now + 10_000)
    for line in (stranger, false, ahead):
        assert learn(node, A, kept.note.encode() + line.encode() + b"\n") == 0
    assert learn(node, A, home.log.checkpoint(head.size - 1)) == 0
    assert learn(node, A, b"no note") == 0
    assert learn(node, "d.example", shown_note(node, A, kept)) == 0
    with node.db.read() as conn:
        assert cosignatures.of_size(conn, A, kept.size) == before
    assert learn(node, A, home.log.checkpoint(kept.size)) == 4
