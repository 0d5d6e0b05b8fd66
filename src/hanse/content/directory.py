"""The files of a revision as an immutable tree of folders; a change copies only the folders on its way.

Everything is ordered by key: a file's key is its path, a folder's its path with a slash at the end. Sorted by key, a folder
comes right before what is in it, and the order inside one folder is the one of git tree objects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hanse.content.gitobjects import Mode, tree_id, tree_record
from hanse.errors import BadCommit, EntryNotFound
from hanse.model.digest import GitOid
from hanse.model.entry import Entry
from hanse.model.repo import parse_path


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a revision: path without slash at the end, git tree id, and number and total bytes of all files below."""

    path: str
    oid: GitOid
    count: int
    size: int


class _Node:
    """One folder.

    Changed only by the edit that made it; after `settle` nothing but the caches `_oid` and `_records` is ever filled in, to
    the same values by whichever thread comes first.
    """

    __slots__ = ("_keys", "_oid", "_records", "_stale", "children", "count", "size")

    def __init__(self) -> None:
        self.children: dict[str, Entry | _Node] = {}
        self.count = 0
        self.size = 0
        self._keys: list[str] = []
        self._records: dict[str, bytes] = {}
        self._stale: set[str] = set()
        self._oid: GitOid | None = None

    def copy(self) -> _Node:
        """Return a node with the same children that may be changed."""
        twin = _Node()
        twin.children = self.children.copy()
        twin.count, twin.size = self.count, self.size
        twin._keys = self._keys
        twin._records = self._records.copy()
        return twin

    def set(self, name: str, child: Entry | _Node | None) -> None:
        """Put or remove a child and forget what was computed from it; only on a node made by `copy` in this edit."""
        if child is None:
            del self.children[name]
        else:
            self.children[name] = child
        self.forget(name)

    def forget(self, name: str) -> None:
        """Drop what was computed from child `name`."""
        self._stale.add(name)
        self._oid = None

    def settle(self) -> None:
        """Bring keys and records up to date with the children at the end of an edit."""
        gone = self._stale | {f"{name}/" for name in self._stale}
        keys = [key for key in self._keys if key not in gone]
        keys += sorted(_key(name, self.children[name]) for name in self._stale if name in self.children)
        # Two sorted runs: this merges them in linear time.
        keys.sort()
        for key in gone:
            self._records.pop(key, None)
        self._keys, self._stale = keys, set()

    def keys(self) -> list[str]:
        """Return the keys of all children relative to this folder, sorted; the list must not be changed."""
        return self._keys

    def oid(self) -> GitOid:
        """Return the git tree id; computed once, from cached records of unchanged children."""
        if self._oid is None:
            keys, records = self._keys, self._records
            for key in keys:
                if key not in records:
                    records[key] = self._record(key)
            self._oid = tree_id(b"".join(map(records.__getitem__, keys)))
        return self._oid

    def _record(self, key: str) -> bytes:
        """Return the tree object's entry for one child."""
        child = self.children[key.removesuffix("/")]
        if isinstance(child, _Node):
            return tree_record(Mode.FOLDER, key[:-1], child.oid())
        return tree_record(Mode.FILE, key, child.git_oid)


def _key(name: str, child: Entry | _Node) -> str:
    """Return the sort key of a child."""
    return f"{name}/" if isinstance(child, _Node) else name


class Directory:
    """All files of a revision by path. Immutable; `apply` returns another one that shares what did not change."""

    __slots__ = ("_root",)

    def __init__(self, root: _Node | None = None) -> None:
        self._root = root or _Node()

    @staticmethod
    def empty() -> Directory:
        """Return the directory without files."""
        return Directory()

    @property
    def count(self) -> int:
        """Number of files."""
        return self._root.count

    @property
    def size(self) -> int:
        """Sum of the file sizes, in bytes."""
        return self._root.size

    def oid(self) -> GitOid:
        """Return the git id of the root tree."""
        return self._root.oid()

    def apply(self, puts: Iterable[Entry], deletes: Iterable[str] = ()) -> Directory:
        """Return the directory after removing `deletes` (files or whole folders) and then putting `puts`.

        Raises EntryNotFound if a path to delete is not there, BadPath if a path to put is not allowed, BadCommit if a file
        would have to be a folder at the same time. The last of several puts to one path counts.
        """
        edit = _Edit(self._root)
        for path in deletes:
            edit.delete(path.rstrip("/"))
        for entry in puts:
            edit.put(entry)
        edit.finish()
        return Directory(edit.root)

    def get(self, path: str) -> Entry | Folder | None:
        """Return the file or folder at `path` (the root is the empty path), or None."""
        found = self._find(path)
        return _folder(path, found) if isinstance(found, _Node) else found

    def file(self, path: str) -> Entry | None:
        """Return the file at `path`, or None."""
        found = self._find(path)
        return None if isinstance(found, _Node) else found

    def _find(self, path: str) -> Entry | _Node | None:
        """Return what is at `path`, or None."""
        at: Entry | _Node | None = self._root
        for name in path.split("/") if path else ():
            at = at.children.get(name) if isinstance(at, _Node) else None
        return at

    def list_folder(self, path: str = "", after: str = "") -> Iterator[Entry | Folder]:
        """Yield the files and folders directly in folder `path`, sorted by key, from the first key greater than `after`.

        `after` is a full key: a file's path, or a folder's with a slash at its end. Raises EntryNotFound if there is no such
        folder.
        """
        node = self._folder_node(path)
        prefix = f"{path}/" if path else ""
        return _list(node, prefix, after)

    def walk(self, path: str = "", after: str = "") -> Iterator[Entry | Folder]:
        """Yield everything below folder `path`, a folder before its contents, from the first key greater than `after`.

        Arguments and errors as for `list_folder`; sorted by key throughout.
        """
        node = self._folder_node(path)
        return _walk(node, f"{path}/" if path else "", after)

    def entries(self, after: str = "") -> Iterator[Entry]:
        """Yield all files in path order, from the first path greater than `after`."""
        return _files(self._root, "", after)

    def _folder_node(self, path: str) -> _Node:
        """Return the node of folder `path`; raises EntryNotFound."""
        found = self._find(path)
        if not isinstance(found, _Node):
            raise EntryNotFound(f"there is no folder {path[:200]!r} in this revision")
        return found


class _Edit:
    """One `Directory.apply` under way: which nodes are its own copies and may be changed in place."""

    def __init__(self, root: _Node) -> None:
        self.root = root.copy()
        self._own = {id(self.root): self.root}

    def finish(self) -> None:
        """Settle all nodes of this edit."""
        for node in self._own.values():
            node.settle()

    def _enter(self, parent: _Node, name: str, child: _Node) -> _Node:
        """Return `child` of `parent` as a node that may be changed, and mark the parent's record of it."""
        if id(child) not in self._own:
            child = child.copy()
            self._own[id(child)] = child
            parent.set(name, child)
        else:
            parent.forget(name)
        return child

    def put(self, entry: Entry) -> None:
        """Put one file."""
        *folders, name = parse_path(entry.path).split("/")
        nodes = [self.root]
        for folder in folders:
            child = nodes[-1].children.get(folder)
            if child is None:
                child = _Node()
                self._own[id(child)] = child
                nodes[-1].set(folder, child)
            elif not isinstance(child, _Node):
                raise BadCommit(
                    f"{entry.path[:200]!r} would lie inside {child.path[:200]!r}, which is a file", hint="delete the file first"
                )
            nodes.append(self._enter(nodes[-1], folder, child))
        old = nodes[-1].children.get(name)
        if isinstance(old, _Node):
            raise BadCommit(f"{entry.path[:200]!r} is a folder and cannot become a file", hint="delete the folder first")
        nodes[-1].set(name, entry)
        _adjust(nodes, 0 if old else 1, entry.size - (old.size if old else 0))

    def delete(self, path: str) -> None:
        """Delete a file or folder, and the folders that become empty by it."""
        *folders, name = path.split("/")
        nodes = [self.root]
        for folder in folders:
            child = nodes[-1].children.get(folder)
            if not isinstance(child, _Node):
                raise _missing(path)
            nodes.append(self._enter(nodes[-1], folder, child))
        old = nodes[-1].children.get(name)
        if old is None:
            raise _missing(path)
        nodes[-1].set(name, None)
        _adjust(nodes, -old.count if isinstance(old, _Node) else -1, -old.size)
        for parent, folder in zip(reversed(nodes[:-1]), reversed(folders), strict=True):
            child = parent.children[folder]
            if isinstance(child, _Node) and not child.children:
                parent.set(folder, None)


def _missing(path: str) -> EntryNotFound:
    """Return the error for deleting what is not there, in the words the Hub's clients look for."""
    return EntryNotFound(f"A file with this name doesn't exist: {path[:200]!r}")


def _adjust(nodes: list[_Node], count: int, size: int) -> None:
    """Add to the counts and sizes of all folders on a way."""
    for node in nodes:
        node.count += count
        node.size += size


def _folder(path: str, node: _Node) -> Folder:
    """Return the public view of a node."""
    return Folder(path, node.oid(), node.count, node.size)


def _children(node: _Node, prefix: str, after: str) -> Iterator[tuple[str, Entry | _Node]]:
    """Yield (full key, child) for the children that are, or may contain, keys greater than `after`."""
    keys = node.keys()
    start = 0
    if after.startswith(prefix):
        rest = after[len(prefix) :]
        start = bisect_right(keys, rest)
        name, slash, _ = rest.partition("/")
        if slash and isinstance(node.children.get(name), _Node):
            start = bisect_right(keys, f"{name}/") - 1
    elif after > prefix:
        return
    for at in range(start, len(keys)):
        yield prefix + keys[at], node.children[keys[at].removesuffix("/")]


def _list(node: _Node, prefix: str, after: str) -> Iterator[Entry | Folder]:
    """Yield the direct children greater than `after`."""
    for key, child in _children(node, prefix, after):
        if key > after:
            yield _folder(key[:-1], child) if isinstance(child, _Node) else child


def _walk(node: _Node, prefix: str, after: str) -> Iterator[Entry | Folder]:
    """Yield everything below a node greater than `after`, folders before their contents."""
    for key, child in _children(node, prefix, after):
        if isinstance(child, _Node):
            if key > after:
                yield _folder(key[:-1], child)
            yield from _walk(child, key, after)
        else:
            yield child


def _files(node: _Node, prefix: str, after: str) -> Iterator[Entry]:
    """Yield the files below a node greater than `after`."""
    for key, child in _children(node, prefix, after):
        if isinstance(child, _Node):
            yield from _files(child, key, after)
        else:
            yield child
