"""Differences of revisions and three-way merges by files."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.content.difference import describe, difference, merge
from hanse.content.directory import Directory
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.entry import Entry

PATHS = ["a", "b", "d/x", "d/y", "d/e/z", "f/g", "f"]


def _entry(path: str, text: str) -> Entry:
    digest = sha256(text.encode()).hexdigest()
    return Entry(path, len(text), Sha256(digest), XetHash(digest), GitOid(digest[:40]), lfs=False)


def _directory(files: dict[str, str]) -> Directory:
    return Directory.empty().apply([_entry(path, text) for path, text in files.items()])


_files = st.dictionaries(st.sampled_from([path for path in PATHS if path != "f"]), st.sampled_from(["1", "2", "3"]))


@settings(max_examples=200, deadline=None)
@given(_files, _files)
def test_a_difference_leads_from_one_to_the_other(old: dict[str, str], new: dict[str, str]) -> None:
    """Applying the difference of two revisions to the first gives the second, and equal ones differ in nothing."""
    before, after = _directory(old), _directory(new)
    changes = difference(before, after)
    puts = [change.after for change in changes if change.after]
    deletes = [change.path for change in changes if change.after is None]
    assert before.apply(puts, deletes).oid() == after.oid()
    assert {change.path for change in changes} == {p for p in old.keys() | new.keys() if old.get(p) != new.get(p)}


@settings(max_examples=200, deadline=None)
@given(_files, _files, _files)
def test_a_merge_is_the_textbook_one(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> None:
    """Every path ends as the side that changed it has it; a path changed differently by both is a conflict."""
    result = merge(_directory(base), _directory(ours), _directory(theirs))
    expected = dict(ours)
    conflicts = set()
    for path in PATHS:
        if theirs.get(path) == base.get(path) or ours.get(path) == theirs.get(path):
            continue
        if ours.get(path) != base.get(path):
            conflicts.add(path)
        elif path in theirs:
            expected[path] = theirs[path]
        else:
            expected.pop(path)
    assert set(result.conflicts) == conflicts
    puts = [change.after for change in result.changes if change.after]
    merged = _directory(ours).apply(puts, [change.path for change in result.changes if change.after is None])
    assert merged.oid() == _directory(expected).oid()


def test_file_against_folder_is_a_conflict() -> None:
    """A file that would stand in the place of a folder, or inside a file, is not merged."""
    base = _directory({"a": "1"})
    assert merge(base, _directory({"a": "1", "f": "1"}), _directory({"a": "1", "f/g": "1"})).conflicts == ("f/g",)
    assert merge(base, _directory({"a": "1", "f/g": "1"}), _directory({"a": "1", "f": "1"})).conflicts == ("f",)


def test_description_names_every_path_up_to_its_bound() -> None:
    """The description has one header per file, and counts what it leaves out."""
    changes = difference(_directory({"a": "1", "b": "1"}), _directory({"b": "2", "c": "1"}))
    text = describe(changes, 2)
    assert "diff --git a/a b/a\ndeleted file" in text
    assert text.endswith("# and 1 more files\n")
    assert "new file mode" in describe(changes, 3)
