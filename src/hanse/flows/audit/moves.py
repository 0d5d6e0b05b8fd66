"""Moving refused and altered files out of the clients' reach, and putting them back.

Each move is a rename, so nothing is copied and nothing lost. What is moved where is written down before it is moved, one file for
each time, `HANSE_HOME/quarantine/ID.json`; a crash between leaves a note of a move that was not made, which putting back passes
over. The files go to `HANSE_HOME/quarantine/ID/`, or, where that is on another file system, to a folder `.hanse-quarantine`
beside or in what was audited. What was downloaded again and is moved away again takes the place of its like: it lies there once.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hanse.errors import HanseError, StorageError
from hanse.flows.audit.folder import Audited, AuditReport, State
from hanse.flows.found import QUARANTINE, Kind
from hanse.flows.remembered import read_private, write_private
from hanse.store.durable import make_directory, sync_directory

MAX_NOTE_BYTES = 64 << 20
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Moved:
    """What one audit moved. folder: that was audited; at: when, in seconds; moves: (from, to); why: one line a revision."""

    id: str
    folder: Path
    at: int
    moves: tuple[tuple[Path, Path], ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. moved: how many things; problems: what could not be, and why."""

    moved: int
    problems: tuple[str, ...]


def quarantine(report: AuditReport, folder: Path, home: Path, now: int, *, whole: bool = True) -> Moved | None:
    """Move every refused and altered revision of a report out of reach; None if there was nothing to move.

    folder: that was audited; home: HANSE_HOME; now: seconds since 1970; whole: of a cache the whole snapshot, else bad files
    only, because a program uses the others. Raises StorageError; what was moved by then is noted.
    """
    real = Path(os.path.realpath(folder))
    bad = [one for one in report.revisions if one.bad]
    items = list(dict.fromkeys(item for one in bad for item in _items(one, whole=whole)))
    if not items:
        return None
    why = tuple(f"{one.found.title}: {one.state.value}" for one in bad)
    moved = Moved(secrets.token_hex(8), real, now, (), why)
    bases = (home / "quarantine" / moved.id, real.parent / QUARANTINE / moved.id, real / QUARANTINE / moved.id)
    for number, item in enumerate(items):
        moved = _move(moved, item, [base / f"{number:06}" for base in bases], home)
    _drop_like(moved, home)
    return moved


def _items(audited: Audited, *, whole: bool) -> Iterator[Path]:
    """Yield what has to go of one revision: its snapshot and the altered blobs under it, or the bad files of a folder."""
    found = audited.found
    bad = [one for one in audited.files if one.state in (State.ALTERED, State.REFUSED)]
    if found.kind is Kind.HUB:
        if whole:
            yield found.root
        for one in bad:
            if not whole:
                yield _first_link(found.root, one.path)
            # A client looks for a blob by its name before it fetches: one with other bytes must not be found again.
            if one.state is State.ALTERED and one.path in found.files:
                link = found.links.get(one.path)
                if link is not None:
                    blob = Path(os.path.normpath(link.parent / link.readlink()))
                    yield blob
                    if blob != found.files[one.path]:
                        yield found.files[one.path]
        return
    for one in bad or (audited.files if audited.state is State.REFUSED else ()):
        yield found.root / one.path  # of an olah store: the folder with the file's blocks


def _first_link(root: Path, path: str) -> Path:
    """Return the first link on the way to a file below a folder, else the file: what a link leads to may be the person's own."""
    parts = path.split("/")
    ways = (root.joinpath(*parts[:count]) for count in range(1, len(parts)))
    return next((way for way in ways if way.is_symlink()), root / path)


def _move(moved: Moved, item: Path, targets: Sequence[Path], home: Path) -> Moved:
    """Move one thing to the first of these places that is on its file system, noting it before."""
    for target in targets:
        noted = replace(moved, moves=(*moved.moves, (item, target)))
        try:
            make_directory(target.parent, 0o700)
            _write(noted, home)
            item.rename(target)
            _flush(item, target)
        except FileNotFoundError:
            return moved  # it is gone already
        except OSError as error:
            if error.errno == errno.EXDEV:
                continue
            raise StorageError(
                f"cannot move {item} out of reach: {error.strerror}", hint="its folder must be yours to write"
            ) from error
        return noted
    raise StorageError(f"cannot move {item} out of reach: every place for it is on another file system")


def _flush(*moved: Path) -> None:
    """Have a move survive power loss."""
    for path in moved:
        sync_directory(path.parent)


def _drop_like(moved: Moved, home: Path) -> None:
    """Remove what earlier audits moved from the same places and that is the same to the last byte as what was moved now."""
    now = dict(moved.moves)
    for path in _notes(home):
        with suppress(StorageError, OSError):  # a note or copy that is kept costs room, and nothing else
            earlier = _read(path)
            like = [one for one in earlier.moves if earlier.id != moved.id and one[0] in now and _same(one[1], now[one[0]])]
            for _, target in like:
                _remove(target)
            left = tuple(one for one in earlier.moves if one not in like)
            if not left:
                _forget(earlier, home)
            elif like:
                _write(replace(earlier, moves=left), home)


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files, links or folders are the same in all that is in them."""
    kinds = {stat.S_IFMT(each.lstat().st_mode) for each in (one, other)}
    if kinds == {stat.S_IFLNK}:
        return one.readlink() == other.readlink()
    if kinds == {stat.S_IFREG}:
        return filecmp.cmp(one, other, shallow=False)
    if kinds != {stat.S_IFDIR}:
        return False
    names, others = ({path.name for path in each.iterdir()} for each in (one, other))
    return names == others and all(_same(one / name, other / name) for name in names)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink()


def restore(folder: Path | None, home: Path) -> Restored:
    """Put back what was moved out of `folder` or anything inside it, by any audit; everything if None. Raises StorageError."""
    real = None if folder is None else Path(os.path.realpath(folder))
    count, problems = 0, list[str]()
    for moved in moved_before(home):
        if real is not None and not moved.folder.is_relative_to(real) and not real.is_relative_to(moved.folder):
            continue
        left = []
        for item, target in reversed(moved.moves):
            problem = _put_back(item, target)
            if problem:
                problems.append(problem)
                left.append((item, target))
            else:
                count += 1
        if left:
            _write(replace(moved, moves=tuple(reversed(left))), home)
        else:
            _forget(moved, home)
    return Restored(count, tuple(problems))


def _put_back(item: Path, target: Path) -> str:
    if not os.path.lexists(target):
        return "" if os.path.lexists(item) else f"{item}: it is not in quarantine any more"
    if os.path.lexists(item):
        return f"{item}: something else is there now; remove it, or leave this in {target}"
    try:
        item.parent.mkdir(parents=True, exist_ok=True)
        target.rename(item)
        _flush(item, target)  # before the note of it goes
    except OSError as error:
        return f"{item}: cannot be put back: {error.strerror}"
    return ""


def moved_before(home: Path) -> list[Moved]:
    """Return what earlier audits moved and nobody put back, the newest first; raises StorageError for a note that is damaged."""
    return sorted(map(_read, _notes(home)), key=lambda one: -one.at)


def _notes(home: Path) -> list[Path]:
    return [path for path in (home / "quarantine").glob("*.json") if _ID.fullmatch(path.stem)]


def _read(path: Path) -> Moved:
    try:
        data = read_private(path, MAX_NOTE_BYTES)
        told: dict[str, Any] = json.loads(data or b"")
        moves = tuple((Path(one), Path(other)) for one, other in told["moves"])
        return Moved(path.stem, Path(told["folder"]), int(told["at"]), moves, tuple(map(str, told["why"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, HanseError) as error:
        raise StorageError(
            f"the note {path} of what is in quarantine cannot be read", hint="put the files back by hand"
        ) from error


def _write(moved: Moved, home: Path) -> None:
    told = {"folder": str(moved.folder), "at": moved.at, "why": moved.why}
    told["moves"] = [[str(one), str(other)] for one, other in moved.moves]
    write_private(home / "quarantine" / f"{moved.id}.json", json.dumps(told, indent=1).encode())


def _forget(moved: Moved, home: Path) -> None:
    (home / "quarantine" / f"{moved.id}.json").unlink(missing_ok=True)
    for folder in {target.parent for _, target in moved.moves}:
        with suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()
