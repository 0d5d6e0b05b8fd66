"""The record of an export that was killed."""

from __future__ import annotations

from pathlib import Path

from hanse.flows.leaving.progress import Done, Progress
from hanse.model.digest import Sha256
from hanse.model.staticlayout import StaticPath

ONE, TWO = (Done(StaticPath(f"xorbs/{name}"), 5, Sha256(name * 64)) for name in "ab")


def test_what_was_recorded_comes_back(tmp_path: Path) -> None:
    """Files are recorded in order; a last line that is cut counts for nothing."""
    progress = Progress(tmp_path / "p")
    progress.add([ONE])
    progress.add([TWO])
    progress.close()
    (tmp_path / "p").write_bytes((tmp_path / "p").read_bytes() + f"{'c' * 64} 5 xor".encode())
    again = Progress(tmp_path / "p")
    assert again.before == [ONE, TWO]
    again.restart([ONE])
    again.close()
    assert Progress(tmp_path / "p").before == [ONE]


def test_lines_that_are_none_end_it(tmp_path: Path) -> None:
    """What follows a line that cannot be read is not believed; another format is nothing."""
    made = Progress(tmp_path / "p")
    made.add([ONE])
    made.close()
    text = (tmp_path / "p").read_text()
    (tmp_path / "p").write_text(f"{text}{'a' * 64} 5 ../../x\n{text.splitlines()[1]}\n")
    assert Progress(tmp_path / "p").before == [ONE]
    (tmp_path / "p").write_text("something else\n")
    assert Progress(tmp_path / "p").before == []


def test_it_goes_when_the_export_is_whole(tmp_path: Path) -> None:
    """Removing it leaves nothing, and can be done after closing."""
    made = Progress(tmp_path / "p")
    made.close()
    made.remove()
    assert not (tmp_path / "p").exists()
