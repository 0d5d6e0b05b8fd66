"""The files of a pulled revision as folders: what trees and paths-info list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hanse.content.gitobjects import Mode, tree_id, tree_record
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: path without slash at the end, and the git tree id that it has if no file in it is executable."""

    path: str
    oid: GitOid


Item = FilePin | Folder


class Listing:
    """Files and folders in the order of their keys: a file's key is its path, a folder's its path with a slash at the end."""

    def __init__(self, files: Mapping[str, FilePin]) -> None:
        children: dict[str, dict[str, FilePin | str]] = {"": {}}
        for path, pin in files.items():
            above, name = "", path
            while "/" in name:
                part, _, name = name.partition("/")
                folder = f"{above}{part}/"
                children.setdefault(above, {})[f"{part}/"] = folder
                children.setdefault(folder, {})
                above = folder
            children[above][name] = pin
        oids: dict[str, GitOid] = {}
        for folder in sorted(children, key=lambda path: -path.count("/")):
            records = (_record(name, child, oids) for name, child in sorted(children[folder].items()))
            oids[folder] = tree_id(b"".join(records))
        self._items: dict[str, Item] = dict(files)
        self._items |= {folder: Folder(folder[:-1], oids[folder]) for folder in children if folder}
        self._keys = sorted(self._items)

    def get(self, path: str) -> Item | None:
        """Return the file or folder at a path without slash at its end, None if there is neither."""
        return self._items.get(path) or self._items.get(f"{path}/")

    def walk(self, path: str, after: str, *, recursive: bool) -> Iterator[tuple[str, Item]]:
        """Yield key and item of what lies in folder `path` ("": all) behind key `after`, folders right before their content."""
        prefix = f"{path}/" if path else ""
        at = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after) if after else 0)
        while at < len(self._keys) and self._keys[at].startswith(prefix):
            key = self._keys[at]
            inner = key[len(prefix) :]
            if not inner or (not recursive and "/" in inner[:-1]):
                # Jump over a folder's content: the next key that does not start with its name.
                at = at + 1 if not inner else bisect_left(self._keys, f"{prefix}{inner.partition('/')[0]}0", at)
                continue
            yield key, self._items[key]
            at += 1


def _record(name: str, child: FilePin | str, oids: Mapping[str, GitOid]) -> bytes:
    if isinstance(child, str):
        return tree_record(Mode.FOLDER, name[:-1], oids[child])
    return tree_record(Mode.FILE, name, child.git_oid)


def pointer_size(size: int) -> int:
    """Return the bytes of the Git LFS pointer of a file of `size` bytes."""
    return len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize {size}\n")


def item_json(item: Item) -> dict[str, Any]:
    """Return a file or folder as trees have it; never with a Xet hash, by which clients would fetch around the gateway."""
    if isinstance(item, Folder):
        return {"type": "directory", "oid": item.oid, "size": 0, "path": item.path}
    found: dict[str, Any] = {"type": "file", "oid": item.git_oid, "size": item.size, "path": item.path}
    if item.lfs and item.sha256 is not None:
        found["lfs"] = {"oid": item.sha256, "size": item.size, "pointerSize": pointer_size(item.size)}
    return found


def sibling_json(pin: FilePin, *, blobs: bool) -> dict[str, Any]:
    """Return a file as `siblings` has it; its LFS key is `sha256` where trees say `oid`."""
    if not blobs:
        return {"rfilename": pin.path}
    found: dict[str, Any] = {"rfilename": pin.path, "blobId": pin.git_oid, "size": pin.size}
    if pin.lfs and pin.sha256 is not None:
        found["lfs"] = {"sha256": pin.sha256, "size": pin.size, "pointerSize": pointer_size(pin.size)}
    return found
