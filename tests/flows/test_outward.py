"""What a serving node does towards others, and the checkpoint that it asks them to cosign."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.support.nodes import new_repo
from tests.support.served import served, until

from hanse.db import cosigners, witnesses
from hanse.db.cosigners import Cosigner
from hanse.flows.cosigners import own_keys
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.flows.outward import Outward, own_target
from hanse.flows.witness import find_log
from hanse.model.actor import Actor
from hanse.model.repo import Origin
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.proof import verify_consistency


def test_an_empty_log_has_nothing_to_cosign(lite: Node) -> None:
    """Before the first leaf nobody is asked."""
    assert own_target(lite) is None


def test_the_newest_checkpoint(lite: Node, owner: Actor) -> None:
    """It is signed by the log, and proves how the log grew from any size, also after it has grown further."""
    new_repo(lite, owner, "owner/a")
    before = own_target(lite)
    assert before is not None
    new_repo(lite, owner, "owner/b")
    after = own_target(lite)
    assert after is not None
    assert open_checkpoint(after.note, *after.keys).checkpoint == after.checkpoint == lite.log.head()
    assert (before.newest(), before.prove(before.checkpoint.size)) == (after.checkpoint.size, ())
    old, new = before.checkpoint, after.checkpoint
    verify_consistency(old.size, old.root, new.size, new.root, after.prove(old.size))


def test_both_directions_run(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """Started once, it has the log cosigned and follows others; stopped, it is gone at once."""
    new_repo(lite, owner, "owner/a")
    with served(lite) as url, lite.db.write() as conn:
        key = own_keys(lite)["witness"]
        cosigners.put(conn, Cosigner(key.name, "witness", key.text, f"{url}/witness", 0))
        witnesses.add(conn, lite.origin, (lite.log.key.text,), f"{url}/log", EMPTY_ROOT.hex())
    outward = Outward(lite, partial(own_target, lite), refresh=3600, follow=60, federations=FederationFiles(tmp_path))
    outward.start()
    until(lambda: find_log(lite, Origin(lite.origin)).failure)  # the server is gone: it was looked for
    until(lambda: _failure(lite))
    outward.stop()


def _failure(node: Node) -> str:
    with node.db.read() as conn:
        return cosigners.every(conn)[0].failure
