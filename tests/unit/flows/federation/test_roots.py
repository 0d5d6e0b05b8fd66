"""Whom a reader knows by federations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, founded, founders

from hanse.errors import Conflict
from hanse.flows.federation.change import begin
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.known import known_roots
from hanse.flows.federation.roots import Roots
from hanse.model.repo import Origin


def test_owners_and_where_they_answer(tmp_path: Path) -> None:
    """A namespace is found in any case; its member is asked first, then the others; what changed is read again."""
    files, people = FederationFiles(tmp_path), founders(3)
    assert known_roots(tmp_path / "none", NOW) == Roots()
    files.keep(founded(people[:2], 2))
    assert known_roots(tmp_path, NOW).owner("Member1/model") == people[1].origin
    assert known_roots(tmp_path, NOW).owner("member2/model") is None
    files.forget(NAME)
    files.keep(founded(people, 2))
    found = known_roots(tmp_path, NOW)
    assert found.owner("member2/model") == people[2].origin
    assert found.carriers(people[2].origin) == tuple(f"https://{people[at].origin}" for at in (2, 0, 1))


def test_a_contested_namespace_is_nobodys(tmp_path: Path) -> None:
    """Two federations that differ about one namespace block that namespace and nothing else."""
    files, people = FederationFiles(tmp_path), founders(3)
    files.keep(founded(people[:2], 2))
    thief = replace(people[2].member, namespaces=("member0", "own"))
    files.keep(begin(Origin("other.example"), thief, people[2].own, NOW))
    found = known_roots(tmp_path, NOW)
    with pytest.raises(Conflict, match="member0"):
        found.owner("member0/model")
    assert (found.owner("own/model"), found.owner("member1/model")) == (people[2].origin, people[1].origin)
