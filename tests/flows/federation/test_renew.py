"""A reader whose federation has expired looks for a newer version once, and trusts nothing meanwhile."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.fileserver import serving
from tests.support.founders import NAME, NOW, founders

from hanse.errors import BadProof
from hanse.flows.federation.change import Change, begin, propose, settle
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.federation.renew import AGAIN_SECONDS, Renewing, renew
from hanse.flows.federation.roots import known_roots
from hanse.peers.client import PeerClient
from hanse.sign.proposal import parse_proposal, sign_proposal

YEAR = 366 * 86_400


def test_what_expired_is_renewed_once(tmp_path: Path) -> None:
    """If a member has a newer version it is trusted from then on; if nobody has, nothing is, and nobody is asked for an hour."""
    (one,) = founders(1)
    reader, server = FederationFiles(tmp_path / "reader"), FederationFiles(tmp_path / "server" / "federation")
    (tmp_path / "server").mkdir()

    def serve(state: Federation) -> None:
        server.keep(state)
        (server.folder / "index.json").write_text(json.dumps(server.listed()))

    with serving(tmp_path / "server") as url:
        old = begin(NAME, replace(one.member, addresses=(url,)), one.own, NOW)
        reader.keep(old)
        serve(old)
        with closing(PeerClient(seconds=5)) as client:
            assert renew(client, reader.folder, NOW) == []
        late, renewing = NOW + YEAR, Renewing(reader.folder)
        with pytest.raises(BadProof, match="expired"):
            known_roots(reader.folder, late)
        assert not renewing.once(late)
        proposal = propose(old, Change(), late).encode()
        serve(settle(old, sign_proposal(parse_proposal(proposal), one.own)))
        assert not renewing.once(late + 1)
        assert renewing.once(late + AGAIN_SECONDS)
        assert known_roots(reader.folder, late + AGAIN_SECONDS).logs
