"""Scanning files on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import EntryNotFound, TooLarge
from hanse.flows import scanning
from hanse.flows.rulesets import builtin_ruleset
from hanse.flows.scanning import FileSource, Input, Scanned, exit_code, find_inputs, judge_folders, scan_all, scan_file, workers
from hanse.model.finding import Coverage, Verdict

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def _scanned(folder: Path, *, digest: bool = False) -> list[Scanned]:
    items = find_inputs([folder])
    with workers(items) as pool:
        return scan_all(items, builtin_ruleset(), pool, digest=digest)


def test_every_file_is_found_once_in_order(tmp_path: Path) -> None:
    """Folders are walked by name, `.git` is left out, paths are those inside the folder."""
    for name in ("b/x.png", "a.png", ".git/config", "b/a.png", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    assert [one.path for one in find_inputs([tmp_path])] == [".hidden", "a.png", "b/a.png", "b/x.png"]
    assert find_inputs([tmp_path / "b" / "x.png"])[0].path == "x.png"
    with pytest.raises(EntryNotFound):
        find_inputs([tmp_path / "none"])


def test_files_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than the bound are refused instead of being collected."""
    monkeypatch.setattr(scanning, "MAX_FILES", 2)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(PNG)
    assert len(find_inputs([tmp_path])) == 2
    with pytest.raises(TooLarge):
        find_inputs([tmp_path, tmp_path / "a"])


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A pipe, a broken link and a folder are coverage error with a finding that says why, and nothing waits for them."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    found = [scan_file(Input(tmp_path / name, name), builtin_ruleset()) for name in ("pipe", "link", ".")]
    assert {one.judgement.coverage for one in found} == {Coverage.ERROR}
    assert exit_code(found) == 2
    told = [finding for one in found for finding in one.judgement.findings]
    assert [(finding.rule, finding.member) for finding in told] == [("LIMIT-UNREAD", "")] * 3
    assert "link could not be read (No such file or directory)" in told[1].says
    folder = scan_file(Input(tmp_path / "link", "link", tmp_path), builtin_ruleset())
    assert judge_folders([folder], builtin_ruleset())[tmp_path].verdict is Verdict.CAUTION


def test_folders_that_are_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to a folder outside and a folder that cannot be listed are told; a link to one that is read anyway is not."""
    for name in ("repo/sub/a.png", "repo/shut/b.png", "elsewhere/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "repo" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "repo" / "again").symlink_to("sub")
    real = os.scandir

    def listed(path: str) -> Any:
        if path.endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", listed)
    items = find_inputs([tmp_path / "repo"])
    assert [one.path for one in items] == ["out", "sub/a.png", "shut"]
    found = [scan_file(one, builtin_ruleset()) for one in items]
    assert [one.judgement.coverage for one in found] == [Coverage.ERROR, Coverage.COMPLETE, Coverage.ERROR]
    assert "out could not be read (a folder, reached by a link)" in found[0].judgement.findings[0].says


def test_evidence_is_the_same_anywhere(tmp_path: Path) -> None:
    """The same bytes under the same repository path give the same evidence wherever they lie."""
    evidence = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(PNG)
        (found,) = _scanned(tmp_path / folder, digest=True)
        evidence.add(found.evidence())
    assert len(evidence) == 1
    assert None not in evidence
    (plain,) = _scanned(tmp_path / "one")
    assert plain.evidence() is None
    assert exit_code([plain]) == 0


def test_reads_by_position(tmp_path: Path) -> None:
    """A file source reads from anywhere and ends where the file ended when it was opened."""
    (tmp_path / "f").write_bytes(b"abcdef")
    descriptor = os.open(tmp_path / "f", os.O_RDONLY)
    source = FileSource(descriptor, 6)
    assert source.read_at(4, 9) == b"ef"
    assert source.read_at(9, 1) == source.read_at(-1, 1) == b""
    os.truncate(tmp_path / "f", 2)
    assert source.read_at(0, 6) == b"ab"
    os.close(descriptor)


def test_workers_say_what_the_engine_says(tmp_path: Path) -> None:
    """Verdicts by worker processes are those of this process, in the files' order; what is no file is an error."""
    for number in range(20):
        (tmp_path / f"{number:02}.pkl").write_bytes(b"cos\nsystem\n(S'echo hanse-test'\ntR." if number % 3 else PNG)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    found = _scanned(tmp_path, digest=True)
    assert [one.input for one in found] == find_inputs([tmp_path])
    assert found[:-1] == [scan_file(one, builtin_ruleset(), digest=True) for one in find_inputs([tmp_path])[:-1]]
    assert found[-1].judgement.coverage is Coverage.ERROR
