"""What differs between two revisions, and whether a difference applies on top of a third one (three-way merge by files)."""

from __future__ import annotations

from dataclasses import dataclass

from hanse.content.directory import Directory, Folder
from hanse.model.digest import NO_GIT_OID
from hanse.model.entry import Entry


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs: its entry before and after; None where there is no file."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge changes on the target, or the paths that both sides changed differently."""

    changes: tuple[Change, ...]
    conflicts: tuple[str, ...]


def difference(before: Directory, after: Directory) -> list[Change]:
    """Return the files that differ, in path order; equal folders are not entered."""
    found: list[Change] = []
    _compare(before, after, "", found)
    found.sort(key=lambda change: change.path)
    return found


def _compare(before: Directory, after: Directory, path: str, found: list[Change]) -> None:
    old, new = _children(before, path), _children(after, path)
    for child in old.keys() | new.keys():
        was, now = old.get(child), new.get(child)
        same = isinstance(was, Folder) and isinstance(now, Folder) and was.oid == now.oid
        if not same and (isinstance(was, Folder) or isinstance(now, Folder)):
            _compare(before, after, child, found)
        if was != now and (isinstance(was, Entry) or isinstance(now, Entry)):
            found.append(Change(child, was if isinstance(was, Entry) else None, now if isinstance(now, Entry) else None))


def _children(directory: Directory, path: str) -> dict[str, Entry | Folder]:
    if path and not isinstance(directory.get(path), Folder):
        return {}
    return {child.path: child for child in directory.list_folder(path)}


def merge(base: Directory, target: Directory, theirs: Directory) -> Merge:
    """Return what `theirs` changed since `base`, as changes of `target`.

    A path that both sides changed to different contents is a conflict; so is a file that would stand where the target has a
    folder, or inside what is a file there.
    """
    wanted = difference(base, theirs)
    going = {change.path for change in wanted if change.after is None}
    changes: list[Change] = []
    conflicts: list[str] = []
    for change in wanted:
        there = target.get(change.path)
        if there == change.after:
            continue
        if there != change.before or _blocked(target, change, going):
            conflicts.append(change.path)
        else:
            changes.append(change)
    return Merge(tuple(changes), tuple(conflicts))


def _blocked(target: Directory, change: Change, going: set[str]) -> bool:
    if change.after is None or change.before is not None:
        return False
    parts = change.path.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return any(isinstance(target.get(path), Entry) and path not in going for path in above)


def describe(changes: list[Change], limit: int) -> str:
    """Return git's diff headers for at most `limit` changes: which files were added, changed and removed, without contents."""
    lines: list[str] = []
    for change in changes[:limit]:
        lines.append(f"diff --git a/{change.path} b/{change.path}")
        if change.before is None:
            lines.append("new file mode 100644")
        if change.after is None:
            lines.append("deleted file mode 100644")
        old = change.before.git_oid if change.before else NO_GIT_OID
        new = change.after.git_oid if change.after else NO_GIT_OID
        lines.append(f"index {old}..{new}")
    if len(changes) > limit:
        lines.append(f"# and {len(changes) - limit} more files")
    return "".join(f"{line}\n" for line in lines)
