"""What a reader trusts because of a federation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, changed, founded, founders

from hanse.errors import BadProof
from hanse.flows.federation.change import YEAR, Change, begin
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.roots import Roots, with_roots
from hanse.flows.federation.trusted import roots_of
from hanse.flows.pins import Pins
from hanse.flows.trust import Trust
from hanse.model.repo import Origin


def test_members_are_configured(tmp_path: Path) -> None:
    """Logs, cosigners and namespaces of all trusted federations count, beside what was configured by hand."""
    files, people = FederationFiles(tmp_path), founders(3)
    assert roots_of(files, NOW) == Roots()
    files.keep(founded(people[:2], 2))
    other = begin(Origin("other.example"), people[2].member, people[2].own, NOW)
    files.keep(other)
    found = with_roots(Trust(), roots_of(files, NOW))
    assert set(found.logs) == {one.origin for one in people}
    assert found.logs[people[0].origin] == people[0].member.log
    assert len(found.cosigners) == 6
    assert roots_of(files, NOW).owners["member1"] == people[1].origin
    assert with_roots(found, roots_of(files, NOW)) == found
    one, another = found.lists
    assert (one.name, set(one.members), one.need) == (NAME, {people[0].origin, people[1].origin}, 2)
    assert (one.first, one.versions) == (files.load(NAME).first, {"root": 2, "targets": 2})
    assert (another.name, another.versions) == ("other.example", {"root": 1, "targets": 1})


def test_keys_that_count_no_more(tmp_path: Path) -> None:
    """Of a member's keys those that a federation distrusts end where it says, and its cosigning ones at once."""
    files, people = FederationFiles(tmp_path), founders(2)
    origin, log, witness = people[1].origin, people[1].log.public.fingerprint, people[1].witness.public.fingerprint
    files.keep(changed(founded(people, 2), Change(distrust=((origin, log, 7), (origin, witness, 0))), *people))
    found = with_roots(Trust(), roots_of(files, NOW))
    assert found.cuts(origin) == {log: 7, witness: 0}
    assert found.cuts(people[0].origin) == {}
    seen = replace(found, pins={origin: Pins(origin, distrusted={log: 3})})
    assert seen.cuts(origin)[log] == 3
    assert [one.key.name for one in found.cosigners if one.key.name.startswith(origin)] == [f"{origin}/mirror"]


def test_an_expired_federation_is_an_error(tmp_path: Path) -> None:
    """Who trusted a federation is not led back to first contact because it has expired."""
    files = FederationFiles(tmp_path)
    files.keep(founded(founders(2), 2))
    with pytest.raises(BadProof, match="expired"):
        roots_of(files, NOW + YEAR + 1)
    files.forget(NAME)
    assert roots_of(files, NOW + YEAR + 1) == Roots()
