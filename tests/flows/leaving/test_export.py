"""What leaves a node: everything that may, once, whole, by any tool readable; and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from tests.flows.leaving.conftest import Left
from tests.support.attesting import settle
from tests.support.leaving import MAIN, WEIGHTS, a_node, check, fill
from tests.support.nodes import add_user
from tests.support.uploads import noise, upload

from hanse.errors import InputError, RepoNotFound
from hanse.flows.leaving import export as exporting
from hanse.flows.leaving.export import UNSIGNED, export
from hanse.flows.node import Node
from hanse.flows.publish import CommitRequest, publish
from hanse.flows.static.selection import Written
from hanse.flows.static.write import write_static
from hanse.model.exportindex import INDEX, parse_export_index
from hanse.model.repo import Visibility


def test_every_byte_once(left: Left) -> None:
    """Two revisions that share most of their weights are exported with what they share stored once."""
    stored = sum(one.stat().st_size for one in (left.folder / "xorbs").iterdir())
    assert len(WEIGHTS) < stored < len(WEIGHTS) * 1.7
    index = parse_export_index((left.folder / INDEX).read_bytes())
    assert [(one.repo, one.revs) for one in index.repos] == [(left.repo.repo, tuple(left.revs))]
    assert (index.public, index.left_out, index.origin) == (True, (), left.node.origin)
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=left.folder, check=True)


def test_an_archive_has_the_same(left: Left, tmp_path: Path) -> None:
    """The archive has the files of the folder, but for the two that say when they were made, in one order each time."""
    export(left.node, tmp_path / "one.tar")
    export(left.node, tmp_path / "two.tar", ("alice/m",))
    orders = []
    for path in (tmp_path / "one.tar", tmp_path / "two.tar"):
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            orders.append([one.name for one in members])
            for one in members:
                file = archive.extractfile(one)
                assert file is not None
                if one.name not in ("hanse.json", "export.json", "SHA256SUMS"):
                    assert file.read() == (left.folder / one.name).read_bytes()
    assert orders[0] == orders[1]
    assert orders[0][-1] == "export.json"
    assert set(orders[0]) == {one.relative_to(left.folder).as_posix() for one in left.folder.rglob("*") if one.is_file()}


def test_what_is_signed_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision that is signed after its evidence was written is left out: the export would name what it cannot show."""

    def late(node: Node, *rest: Any) -> Written:
        written = write_static(node, *rest)
        settle(node)
        return written

    monkeypatch.setattr(exporting, "write_static", late)
    with a_node(tmp_path / "node") as node:
        repo, _ = fill(node)
        alice = add_user(node, "alice")
        new = (upload(node, alice, repo, "n.dat", noise(3)),)
        rev = publish(node, alice, repo, MAIN, CommitRequest("new", "", None, new)).rev
        done = export(node, tmp_path / "out")
    assert [(one.rev, one.why) for one in done.index.left_out] == [(rev, UNSIGNED)]
    assert check(tmp_path / "out", tmp_path / "home").failed == []


def test_what_must_not_leave(tmp_path: Path) -> None:
    """What is private or unsigned stays, and is not named where it is private; the part that is not public has the rest."""
    with a_node(tmp_path / "node") as node:
        fill(node)
        fill(node, name="alice/secret-thing", visibility=Visibility.PRIVATE)
        alice = add_user(node, "alice")
        repo, _ = fill(node, name="alice/open")
        rev = publish(
            node, alice, repo, MAIN, CommitRequest("new", "", None, (upload(node, alice, repo, "n.dat", noise(3)),))
        ).rev
        done = export(node, tmp_path / "out")
        assert [(one.rev, one.why) for one in done.index.left_out] == [(rev, UNSIGNED)]
        assert {one.repo.name for one in done.index.repos} == {"m", "open"}
        hidden = export(node, tmp_path / "hidden", public=False)
        assert {one.repo.name for one in hidden.index.repos} == {"secret-thing"}
        for name in ("alice/secret-thing", "alice/none"):
            with pytest.raises(RepoNotFound):
                export(node, tmp_path / "other", (name,))
    files = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
    assert not [one for one in files if b"secret-thing" in one.read_bytes() or "secret" in str(one.name)]
    report = check(tmp_path / "hidden", tmp_path / "home")
    assert (report.failed, len(report.revisions), report.index.public) == ([], 2, False)
    assert {one.stat().st_mode & 0o077 for one in (tmp_path / "hidden").rglob("*")} == {0}


def test_again_writes_what_is_new(copied: Path, left: Left) -> None:
    """An export into a whole one leaves the bytes as they are; into another folder it refuses."""
    xorbs = {one: one.stat().st_ino for one in (copied / "xorbs").iterdir()}
    (copied / "xorbs" / "0123").write_bytes(b"stray")
    done = export(left.node, copied)
    assert done.files < 3
    assert {one: one.stat().st_ino for one in (copied / "xorbs").iterdir()} == xorbs
    with pytest.raises(InputError):
        export(left.node, copied / "log")


_CHILD = """
import sys
from pathlib import Path
from tests.support.attesting import settle
from tests.support.leaving import a_node
from hanse.flows.leaving.export import export
from hanse.flows.leaving import folder, archive
folder._BATCH_FILES = archive._BATCH_FILES = 2
data, target = map(Path, sys.argv[1:])
with a_node(data) as node:
    print("go", flush=True)
    while True:
        export(node, target)
        print("whole", flush=True)
"""


@pytest.mark.soak
@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_killed_and_run_again(tmp_path: Path, name: str) -> None:
    """However often it is killed, at whatever moment, the next run makes it whole."""
    with a_node(tmp_path / "node") as node:
        fill(node)
    for delay in (0.0, 0.05):
        command = [sys.executable, "-c", _CHILD, str(tmp_path / "node"), str(tmp_path / name)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "go\n"
            time.sleep(delay)  # any moment is right
            child.send_signal(signal.SIGKILL)
    with a_node(tmp_path / "node") as node:
        export(node, tmp_path / name)
    report = check(tmp_path / name, tmp_path / "home")
    assert (report.failed, len(report.revisions)) == ([], 2)
    assert not [one for one in tmp_path.rglob("*") if one.name.endswith((".part", ".progress"))]


def test_the_index_is_json(left: Left) -> None:
    """Other programs read the index."""
    assert json.loads((left.folder / INDEX).read_text())["format"] == "hanse-export/1"
