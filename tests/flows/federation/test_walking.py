"""A serving node takes up what other members published, by itself and not too often."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from tests.support.fileserver import serving
from tests.support.founders import NAME
from tests.support.served import until
from tests.support.trusting import states_of

from hanse.db import cosigners
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.walking import Walking
from hanse.flows.node import Node
from hanse.peers.client import PeerClient


def test_a_newer_version_is_taken_up(lite: Node, tmp_path: Path) -> None:
    """A version that a member has is walked to at the start, and done what follows from; then it rests."""
    elsewhere, here, told = FederationFiles(tmp_path / "other" / "federation"), FederationFiles(tmp_path / "data"), list[str]()
    with serving(tmp_path / "other") as url, closing(PeerClient(seconds=60)) as peers:
        before, after = states_of(lite, url, url)
        for state in (before, after):
            elsewhere.keep(state)
        (elsewhere.folder / "index.json").write_text(json.dumps(elsewhere.listed()))
        here.keep(before)
        walking = Walking(lite, here, peers, 60, enacted=lambda: told.append("enacted"))
        walking.start()
        until(lambda: told)
        walking.stop()
        assert here.load(NAME).trusted.targets_version == after.trusted.targets_version
        assert walking.step() == 0
    with lite.db.read() as conn:
        assert {row.url for row in cosigners.every(conn)} == {f"{url}/witness", f"{url}/mirror"}
