"""What is kept of federations survives, and is verified whenever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.founders import NAME, changed, founded, founders

from hanse.errors import NotFoundError, StorageError
from hanse.flows.federation.change import Change
from hanse.flows.federation.kept import FederationFiles, fingerprint_of


def test_kept_and_read_again(tmp_path: Path) -> None:
    """A federation is read as it was kept, through all its versions, and older roots stay for those who walk."""
    people = founders(3)
    kept, federation = FederationFiles(tmp_path / "federations"), founded(people, 2)
    assert kept.names() == []
    kept.keep(federation)
    later = changed(federation, Change(remove=(people[2].origin,), retire=(people[2].own.public.fingerprint,)), *people[:2])
    kept.keep(later)
    found = kept.load(NAME)
    assert (found.files, found.trusted.root_version, found.trusted.targets_version) == (later.files, 3, 3)
    assert found.members.members.keys() == {people[0].origin, people[1].origin}
    assert kept.names() == [NAME]
    assert kept.root(NAME, 2) == federation.trusted.root_data
    assert kept.root(NAME, 9) is None


def test_damage_is_noticed(tmp_path: Path) -> None:
    """A file that was changed on disk is an error that says what to do, and so is a federation that is not there."""
    kept, federation = FederationFiles(tmp_path), founded(founders(2), 2)
    with pytest.raises(NotFoundError):
        kept.load(NAME)
    kept.keep(federation)
    for path in sorted((tmp_path / NAME).rglob("*")):
        if not path.is_file() or path.name == ".lock" or path.match("root/1.json") or path.match("targets/1.json"):
            continue
        data = path.read_bytes()
        path.write_bytes(data[:-20])
        with pytest.raises(StorageError, match="damaged"):
            kept.load(NAME)
        path.write_bytes(data)
    kept.load(NAME)


def test_fingerprint_does_not_depend_on_signatures(tmp_path: Path) -> None:
    """The fingerprint of a root is of what it says, so that everybody can compare it whoever signed his copy."""
    people = founders(2)
    federation = founded(people, 2)
    assert len(fingerprint_of(federation.trusted.root_data)) == 64
    first = founded(people[:1], 1)
    assert first.first == fingerprint_of(first.trusted.root_data)
    assert federation.first != fingerprint_of(federation.trusted.root_data)
