"""Directories under arbitrary edits agree with a plain dictionary of paths."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.content.directory import Directory, Folder
from hanse.content.gitobjects import Mode, blob_id, tree_id, tree_object
from hanse.errors import BadCommit, EntryNotFound
from hanse.model.digest import EMPTY_XET, NO_SHA256, GitOid
from hanse.model.entry import Entry

_names = st.sampled_from(["a", "b", "a-", "a.", "a0", "é"])
_paths = st.lists(_names, min_size=1, max_size=4).map("/".join)
_edits = st.lists(st.tuples(_paths, st.integers(-1, 3)), max_size=12)


def _entry(path: str, size: int) -> Entry:
    return Entry(path, size, NO_SHA256, EMPTY_XET, blob_id(bytes(size)), lfs=False)


def _tree(files: dict[str, Entry]) -> GitOid:
    """Compute the git tree id of files by path, the slow way."""
    rows: list[tuple[Mode, str, GitOid]] = []
    folders: dict[str, dict[str, Entry]] = {}
    for path, entry in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = entry
        else:
            rows.append((Mode.FILE, name, entry.git_oid))
    rows += [(Mode.FOLDER, name, _tree(inner)) for name, inner in folders.items()]
    return tree_id(tree_object(rows))


def _change(files: dict[str, Entry], path: str, size: int) -> bool:
    """Put a file of `size` bytes, or delete `path` if it is negative, in the model; tell whether that is allowed."""
    below = [other for other in files if other.startswith(f"{path}/")]
    if size < 0:
        gone = [path] if path in files else below
        for other in gone:
            del files[other]
        return bool(gone)
    if below or any(path.startswith(f"{other}/") for other in files):
        return False
    files[path] = _entry(path, size)
    return True


def _check(directory: Directory, files: dict[str, Entry]) -> None:
    """Compare everything a directory says with the model."""
    paths = sorted(files)
    assert list(directory.entries()) == [files[path] for path in paths]
    assert (directory.count, directory.size) == (len(files), sum(entry.size for entry in files.values()))
    assert directory.oid() == _tree(files)
    keys = [f"{item.path}/" if isinstance(item, Folder) else item.path for item in directory.walk()]
    assert keys == sorted(keys)
    assert [key for key in keys if not key.endswith("/")] == paths
    for key in keys:
        found = directory.get(key.rstrip("/"))
        if isinstance(found, Folder):
            inner = {path.removeprefix(key): entry for path, entry in files.items() if path.startswith(key)}
            assert (found.oid, found.count, found.size) == (_tree(inner), len(inner), sum(e.size for e in inner.values()))


@given(edits=_edits)
@settings(max_examples=150, deadline=None)
def test_edits_agree_with_a_dictionary(edits: list[tuple[str, int]]) -> None:
    """After any allowed edits, one by one, all answers are right; forbidden ones are refused; old versions stay true."""
    directory, files = Directory.empty(), dict[str, Entry]()
    history = []
    for path, size in edits:
        history.append((directory, dict(files)))
        allowed = _change(files, path, size)
        try:
            directory = directory.apply([] if size < 0 else [_entry(path, size)], [path] if size < 0 else [])
        except (BadCommit, EntryNotFound):
            assert not allowed
        else:
            assert allowed
    for old, model in [*history[::3], (directory, files)]:
        _check(old, model)


@given(edits=_edits)
@settings(max_examples=60, deadline=None)
def test_one_big_commit_equals_many_small_ones(edits: list[tuple[str, int]]) -> None:
    """Puts applied together give the directory that single puts give."""
    files: dict[str, Entry] = {}
    puts = [_entry(path, size) for path, size in edits if size >= 0 and _change(files, path, size)]
    single = Directory.empty()
    for entry in puts:
        single = single.apply([entry])
    together = Directory.empty().apply(puts)
    assert together.oid() == single.oid()
    _check(together, files)


@given(edits=_edits, after=_paths)
@settings(max_examples=60, deadline=None)
def test_pages_continue_anywhere(edits: list[tuple[str, int]], after: str) -> None:
    """Listing after any key, existing or not, gives exactly the greater keys."""
    files: dict[str, Entry] = {}
    directory = Directory.empty().apply([_entry(path, size) for path, size in edits if size >= 0 and _change(files, path, size)])
    keys = [f"{item.path}/" if isinstance(item, Folder) else item.path for item in directory.walk()]
    for start in (after, f"{after}/"):
        found = [f"{item.path}/" if isinstance(item, Folder) else item.path for item in directory.walk(after=start)]
        assert found == [key for key in keys if key > start]
