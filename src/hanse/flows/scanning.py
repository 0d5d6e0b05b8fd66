"""Scanning files and folders on this machine: no node, no network, nothing is loaded or executed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from hanse.errors import EntryNotFound, StorageError, TooLarge
from hanse.model.canonical import canonical
from hanse.model.finding import Coverage, Gap, Judgement, RepositoryJudgement, Verdict
from hanse.scan.dispatch import extract
from hanse.scan.facts import Facts
from hanse.scan.repository import judge_repository
from hanse.scan.ruleset import Ruleset
from hanse.scan.source import PIECE, pieces
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

MAX_FILES = 1_000_000


@dataclass(frozen=True, slots=True)
class Input:
    """A file to scan.

    found: as the user would name it; path: its name in the repository that it is judged in; folder: that repository, if a folder
    was named.
    """

    found: Path
    path: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """The outcome for one file. sha256: hex, None unless it was asked for; facts: None if the file could not be read."""

    input: Input
    judgement: Judgement
    facts: Facts | None
    sha256: str | None = None

    def evidence(self) -> str | None:
        """Return the SHA-256 of the canonical judgement with its subject: what institutions compare; None without `sha256`."""
        if self.sha256 is None:
            return None
        return hashlib.sha256(canonical({**self.judgement.to_json(), "sha256": self.sha256})).hexdigest()


class FileSource:
    """An open file, read by position; the size is the one it had when it was opened."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises StorageError if the disk fails."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        try:
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length:  # one call gives at most 2 GiB, and less on a signal
                more = os.pread(self._descriptor, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise StorageError(f"cannot read: {error.strerror}") from error
        return data


def find_inputs(paths: Sequence[Path]) -> list[Input]:
    """Return every file of the paths, folders walked in order of name.

    Raises EntryNotFound for a path that is not there, TooLarge for more than MAX_FILES files.

    Links to files are followed, links to folders are not; the folder `.git` is left out.
    """
    found: list[Input] = []
    for path in paths:
        if path.is_dir():
            files = islice(_walk(path), max(0, MAX_FILES + 1 - len(found)))
            found += [Input(one, one.relative_to(path).as_posix(), path) for one in files]
        elif path.exists():
            found.append(Input(path, path.name))
        else:
            raise EntryNotFound(f"there is no file or folder {str(path)!r}", hint="check the path")
    if len(found) > MAX_FILES:
        raise TooLarge(f"more than {MAX_FILES:,} files are named", hint="scan the folders inside one by one")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        yield from (Path(root) / name for name in sorted(names))


def scan_file(item: Input, rules: Ruleset, *, digest: bool = False) -> Scanned:
    """Return the verdict on one file; one that cannot be read is coverage error, never safe.

    digest: hash the file too, so that the result is evidence about bytes.
    """
    try:
        descriptor = os.open(item.found, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not S_ISREG(status.st_mode):
                return _unread(item, rules, "error:not a regular file")
            source = FileSource(descriptor, status.st_size)
            facts = extract(source)
            sha256 = _digest(source) if digest else None
        finally:
            os.close(descriptor)
    except (OSError, StorageError) as error:
        return _unread(item, rules, f"error:{getattr(error, 'strerror', None) or error}")
    return Scanned(item, judge(facts, item.path, rules), facts, sha256)


def scan_all(
    items: Iterable[Input], rules: Ruleset, *, digest: bool = False, done: Callable[[Scanned], None] = lambda _: None
) -> list[Scanned]:
    """Return the verdicts in order; `done` is called with each as it is known."""
    found = []
    for item in items:
        one = scan_file(item, rules, digest=digest)
        done(one)
        found.append(one)
    return found


def judge_folders(found: Iterable[Scanned], rules: Ruleset) -> dict[Path, RepositoryJudgement]:
    """Return the verdict on each folder that was named, its files taken together as one revision of a repository."""
    folders: dict[Path, list[Scanned]] = {}
    for one in found:
        if one.input.folder is not None:
            folders.setdefault(one.input.folder, []).append(one)
    return {folder: _judge_folder(folder, some, rules) for folder, some in folders.items()}


def _judge_folder(folder: Path, some: list[Scanned], rules: Ruleset) -> RepositoryJudgement:
    facts = {one.input.path: one.facts for one in some if one.facts is not None}
    judgements = {one.input.path: one.judgement for one in some}
    digests = {one.input.path: one.sha256 for one in some if one.sha256 is not None}
    return judge_repository(facts, rules, judgements, name=folder.resolve().name, digests=digests)


def exit_code(found: Iterable[Scanned], folders: Iterable[RepositoryJudgement] = ()) -> int:
    """Return 1 if anything is suspicious or malicious, else 2 if anything was not fully read, else 0."""
    judgements: list[Judgement | RepositoryJudgement] = [*(one.judgement for one in found), *folders]
    if any(one.verdict.rank >= Verdict.SUSPICIOUS.rank for one in judgements):
        return 1
    return 2 if any(one.coverage is not Coverage.COMPLETE for one in judgements) else 0


def _digest(source: FileSource) -> str:
    state = hashlib.sha256()
    for piece in pieces(source, step=PIECE):
        state.update(piece)
    return state.hexdigest()


def _unread(item: Input, rules: Ruleset, reason: str) -> Scanned:
    gap = Gap("", "file", reason, executes=True)
    judgement = Judgement(item.path, 0, Verdict.SAFE, Coverage.ERROR, (), (), (), (gap,), SCANNER, rules.digest)
    return Scanned(item, judgement, None)
