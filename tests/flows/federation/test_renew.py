"""A reader whose federation has expired looks for a newer version once, and trusts nothing meanwhile."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.fileserver import serving
from tests.support.founders import NAME, NOW, changed, founders

from hanse.errors import BadProof
from hanse.flows.federation.change import Change, begin, propose, settle
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.federation.known import known_roots
from hanse.flows.federation.renew import AGAIN_SECONDS, Renewing, due, overdue, renew
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
        with closing(PeerClient(seconds=60)) as client:
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


DAY = 86_400


def test_what_was_not_looked_at_for_long(tmp_path: Path) -> None:
    """A newer list is found without waiting for the old one to expire; where too few members are heard, that is told."""
    people = founders(3)
    reader, server = FederationFiles(tmp_path / "reader"), FederationFiles(tmp_path / "server" / "federation")
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as url, closing(PeerClient(seconds=60)) as client:
        old = begin(NAME, replace(people[0].member, addresses=(url,)), people[0].own, NOW)
        joining = [replace(one.request(), member=replace(one.member, addresses=(url,))) for one in people[1:2]]
        old = changed(old, Change(add=tuple(joining), need=2), *people[:2])
        new = changed(old, Change(), *people[:2])
        reader.keep(old)
        assert due(reader.folder, NOW, DAY)
        for state in (old, new):
            server.keep(state)
        assert renew(client, reader.folder, NOW, None) == []
        assert reader.load(NAME).trusted.targets_version == old.trusted.targets_version
        assert renew(client, reader.folder, NOW, DAY) == []
        assert reader.load(NAME).trusted.targets_version == new.trusted.targets_version
        assert reader.looked(NAME) == (NOW, NOW)
    assert not due(reader.folder, NOW + DAY, DAY)
    assert overdue(reader.folder, NOW + DAY, DAY) == []
    late = NOW + DAY + 1
    assert due(reader.folder, late, DAY)
    Renewing(reader.folder).once(late, DAY)
    assert reader.looked(NAME) == (NOW, late)
    (line,) = overdue(reader.folder, late, DAY)
    assert line.startswith(f"too few members of {NAME} have shown since ")
    assert not due(reader.folder, late + 60, DAY)
    assert reader.load(NAME).trusted.targets_version == new.trusted.targets_version


def test_one_member_alone_does_not_make_a_list_the_newest(tmp_path: Path) -> None:
    """As many as make a version have to be heard, each of whom is asked only as long as that is not so."""
    people = founders(3)
    reader, server = FederationFiles(tmp_path / "reader"), FederationFiles(tmp_path / "server" / "federation")
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as url, closing(PeerClient(seconds=60)) as client:
        made = begin(NAME, replace(people[0].member, addresses=(url,)), people[0].own, NOW)
        nowhere = [replace(one.request(), member=replace(one.member, addresses=("http://127.0.0.1:9",))) for one in people[1:]]
        made = changed(made, Change(add=tuple(nowhere), need=2), *people)
        reader.keep(made)
        server.keep(made)
        renew(client, reader.folder, NOW, DAY)
    assert reader.looked(NAME) == (0, NOW)
    assert overdue(reader.folder, NOW, DAY) == [
        f"too few members of {NAME} have shown that its list, as it is known here, is the newest"
    ]
