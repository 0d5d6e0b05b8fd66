"""A federation is trusted from an export, without network, by the same rules as from a server."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, changed, founders

from hanse.errors import BadSignature, HanseError, NotFoundError
from hanse.flows.federation.change import Change, begin
from hanse.flows.federation.follow import meet_shown
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.leaving.federations import ExportedFederations
from hanse.flows.leaving.sources import open_export
from hanse.model.staticlayout import FEDERATIONS


@pytest.fixture(name="states")
def _states() -> list[Federation]:
    """Return a federation as its first member began it, and after others joined."""
    people = founders(3)
    begun = begin(NAME, people[0].member, people[0].own, NOW)
    return [begun, changed(begun, Change(add=tuple(one.request() for one in people[1:]), need=2), *people)]


def _export(folder: Path, states: list[Federation]) -> Path:
    """Return a folder with what an export has of a federation."""
    files = FederationFiles(folder / "federation")
    for state in states:
        files.keep(state)
    (folder / FEDERATIONS).write_text(json.dumps(files.listed()))
    for lock in folder.rglob(".lock"):
        lock.unlink()
    return folder


@pytest.mark.parametrize("archived", [False, True])
def test_it_is_trusted_as_the_export_has_it(tmp_path: Path, states: list[Federation], *, archived: bool) -> None:
    """A folder and an archive lead to the same federation, which is kept."""
    federation = states[-1]
    made = _export(tmp_path / "exported", states)
    if archived:
        with tarfile.open(tmp_path / "exported.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(made, "")
        made = tmp_path / "exported.tar"
    kept = FederationFiles(tmp_path / "reader")
    with open_export(made) as source:
        found = meet_shown(ExportedFederations(source), kept, federation.first)
    assert found.members == federation.members
    assert kept.load(federation.name).members == federation.members


def test_another_one_is_refused(tmp_path: Path, states: list[Federation]) -> None:
    """A fingerprint that nothing has, a first root that is another one, files that are false, and no federation at all."""
    kept = FederationFiles(tmp_path / "reader")
    federation = states[-1]
    made = _export(tmp_path / "exported", states)

    def meet(fingerprint: str) -> None:
        with open_export(made) as source:
            meet_shown(ExportedFederations(source), kept, fingerprint)

    with pytest.raises(NotFoundError):
        meet("0" * 64)
    told = json.loads((made / FEDERATIONS).read_text())
    told["federations"][0]["first"] = "0" * 64
    (made / FEDERATIONS).write_text(json.dumps(told))
    with pytest.raises(BadSignature):
        meet("0" * 64)
    told["federations"][0]["first"] = federation.first
    (made / FEDERATIONS).write_text(json.dumps(told))
    for path in (made / "federation" / federation.name / "files").iterdir():
        path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(HanseError):
        meet(federation.first)
    assert kept.names() == []
    (made / FEDERATIONS).unlink()
    with pytest.raises(NotFoundError):
        meet(federation.first)
