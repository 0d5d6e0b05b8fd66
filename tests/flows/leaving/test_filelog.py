"""A log in files is read as one over HTTP."""

from __future__ import annotations

import pytest
from tests.flows.leaving.conftest import Left

from hanse.errors import BlobNotFound
from hanse.flows.leaving.filelog import FileLog
from hanse.flows.leaving.sources import FolderSource
from hanse.flows.pins import LogPin, Pins
from hanse.model.evidence import parse_evidence
from hanse.model.repo import Origin
from hanse.tlog.proof import verify_consistency
from hanse.tlog.tiles import TileName


def test_it_is_the_log(left: Left) -> None:
    """Bundles and tiles are those of the node, also narrower ones than the export has."""
    log, size = FileLog(FolderSource(left.folder)), left.node.log.size
    assert list(log.bundle(0, size)) == left.node.log.leaves(0, size)
    assert list(log.bundle(0, 3)) == left.node.log.leaves(0, 3)
    assert log.tile(TileName(0, 0, 5)) == left.node.log.files.read(TileName(0, 0, 5))
    assert log.checkpoint() == left.node.log.checkpoint(size)
    assert (log.url, log.online, log.own_logs()) == ("the export out", False, frozenset())
    with pytest.raises(BlobNotFound):
        log.bundle(7, 10)
    with pytest.raises(BlobNotFound):
        FileLog(FolderSource(left.folder), "mirror/none").checkpoint()


def test_it_shows_that_the_log_went_on(left: Left) -> None:
    """Who saw the log before is shown, without network, that this one continues it."""
    source = FolderSource(left.folder)
    evidence = parse_evidence((left.folder / f"evidence/models/alice/m/{left.revs[1]}.jsonl").read_bytes())
    before, (shown,) = left.node.log.head(5), evidence.logs
    pin = LogPin((shown.vkey or "",), 0, 5, before.root.hex(), "", 0)
    found = FileLog(source).growth(evidence.logs, {left.node.origin: Pins(left.node.origin, log=pin)})
    now = left.node.log.head(left.node.log.size)
    verify_consistency(5, before.root, now.size, now.root, found[left.node.origin])
    assert FileLog(source).growth(evidence.logs, {Origin("other"): Pins(Origin("other"))}) == {}
