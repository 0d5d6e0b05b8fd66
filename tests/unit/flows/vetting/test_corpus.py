"""Labelled corpora are read within their folder, hashed, and never believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.labelled import ACTS, write_corpus

from hanse.errors import BadFormat, DigestMismatch, HanseError, NotFoundError
from hanse.flows.vetting.corpus import parse_labels, read_corpus


def test_reads(tmp_path: Path) -> None:
    """Every line is an item; digests are computed where the list has none."""
    one = read_corpus(write_corpus(tmp_path / "a"))
    assert [item.label for item in one.items] == ["malicious"] * 3 + ["benign"] * 3 + ["malformed"]
    assert read_corpus(write_corpus(tmp_path / "b", digests=False)).items == one.items


def test_an_altered_file(tmp_path: Path) -> None:
    """A file that is not the one that was labelled is refused."""
    folder = write_corpus(tmp_path)
    (folder / "odd.pkl").write_bytes(b"other")
    with pytest.raises(DigestMismatch, match=r"odd\.pkl"):
        read_corpus(folder)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "", ".", "a/-rf", "a\0b"])
def test_paths_stay_inside(path: str) -> None:
    """No path leads out, and none can be taken for an option of another program."""
    with pytest.raises(BadFormat):
        list(parse_labels(f"path\tlabel\n{path}\tbenign\n".encode()))


def test_links_stay_inside(tmp_path: Path) -> None:
    """A link out of the corpus, a folder and a missing file are no items."""
    (tmp_path / "out.pkl").write_bytes(ACTS)
    folder = write_corpus(tmp_path / "c", {"in.pkl": (ACTS, "malicious")})
    (folder / "link.pkl").symlink_to(tmp_path / "out.pkl")
    (folder / "folder").mkdir()
    for name in ("link.pkl", "folder", "missing"):
        (folder / "labels.tsv").write_text(f"path\tlabel\n{name}\tbenign\n")
        with pytest.raises(NotFoundError):
            read_corpus(folder)


@pytest.mark.parametrize(
    "data", [b"", b"path\n", b"path\tlabel\n\xff\tx\n", b'path\tlabel\n"a\tb\n', b"path\tlabel\na\n", b"path\tlabel\na\tLabel!\n"]
)
def test_hostile_lists(tmp_path: Path, data: bytes) -> None:
    """A list that is no list of labels is refused with what it should be."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "labels.tsv").write_bytes(data)
    with pytest.raises(HanseError):
        read_corpus(tmp_path)
