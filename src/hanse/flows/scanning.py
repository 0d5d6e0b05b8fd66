"""Scanning files and folders on this machine: no node, no network, nothing is loaded or executed."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from hanse.errors import EntryNotFound, StorageError, TooLarge
from hanse.jobs.cores import cores
from hanse.jobs.handle import OpenFile
from hanse.jobs.pool import ScanPool, parse_facts
from hanse.jobs.sandbox import JobLimits
from hanse.model.canonical import canonical
from hanse.model.finding import Coverage, Gap, Judgement, RepositoryJudgement, Verdict
from hanse.scan.dispatch import all_formats, extract
from hanse.scan.facts import Facts
from hanse.scan.limits import unread
from hanse.scan.repository import judge_repository
from hanse.scan.ruleset import Ruleset
from hanse.scan.source import PIECE, pieces
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

MAX_FILES = 1_000_000
AHEAD = 4
"""Files that are open at a time, for each worker."""
BYTES_A_SECOND = 4_000_000
"""What a worker reads of the slowest kind of file at least."""


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
    """An open file, read by position from `descriptor`; the size is the one it had when it was opened."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises StorageError if the disk fails."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        try:
            data = os.pread(self.descriptor, length, offset)
            while len(data) < length:  # one call gives at most 2 GiB, and less on a signal
                more = os.pread(self.descriptor, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise StorageError(f"cannot read: {error.strerror}") from error
        return data


def find_inputs(paths: Sequence[Path]) -> list[Input]:
    """Return every file of the paths, folders walked in order of name.

    Raises EntryNotFound for a path that is not there, TooLarge for more than MAX_FILES files.

    Links to files are followed, links to folders are not; the folder `.git` is left out. A folder that cannot be listed, and one
    outside that a link leads to, are given in place of their files: they cannot be read, and the scan says so.
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
    whole, shut = folder.resolve(), list[OSError]()
    for root, folders, names in os.walk(folder, onerror=shut.append):
        folders[:] = sorted(name for name in folders if name != ".git")
        away = [name for name in folders if (Path(root) / name).is_symlink() and _leads_out(Path(root) / name, whole)]
        yield from (Path(root) / name for name in sorted([*names, *away]))
    yield from (Path(error.filename) for error in shut)


def _leads_out(link: Path, whole: Path) -> bool:
    try:
        return not link.resolve().is_relative_to(whole)
    except (OSError, RuntimeError):  # the latter for links in a circle
        return True


def scan_file(item: Input, rules: Ruleset, *, digest: bool = False) -> Scanned:
    """Return the verdict on one file, read in this process; one that cannot be read is coverage error, never safe.

    digest: hash the file too, so that the result is evidence about bytes.
    """
    try:
        with _opened(item) as source:
            return _judged(item, rules, extract(source), source, digest=digest)
    except (OSError, StorageError) as error:
        return _unread(item, rules, error)


@contextmanager
def _opened(item: Input) -> Iterator[FileSource]:
    """Open a regular file for as long as it is needed; raises OSError, or StorageError for anything else."""
    descriptor = os.open(item.found, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not S_ISREG(status.st_mode):
            raise StorageError("a folder, reached by a link" if S_ISDIR(status.st_mode) else "not a regular file")
        yield FileSource(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _judged(item: Input, rules: Ruleset, facts: Facts, source: FileSource, *, digest: bool) -> Scanned:
    sha256 = _digest(source) if digest else None
    return Scanned(item, judge(facts, item.path, rules), facts, sha256)


@dataclass(eq=False)
class _Begun:
    """A file whose facts are being made; `close` gives its descriptor back."""

    item: Input
    source: FileSource
    facts: Future[list[bytes]]
    close: Callable[[], None]


@contextmanager
def workers(items: Sequence[Input]) -> Iterator[ScanPool]:
    """Give worker processes for these files, one a core, with more time where a file is larger than what a node takes."""
    largest = max((_size(item) for item in items), default=0)
    pool = ScanPool(max(1, min(cores(), len(items))), JobLimits(seconds=JobLimits().seconds + largest // BYTES_A_SECOND))
    try:
        all_formats()  # once here instead of once in each of them
        pool.prefork(pool.size)
        yield pool
    finally:
        pool.close()


def scan_all(
    items: Iterable[Input],
    rules: Ruleset,
    pool: ScanPool,
    *,
    digest: bool = False,
    done: Callable[[Scanned], None] = lambda _: None,
) -> list[Scanned]:
    """Return the verdicts in order, files read by worker processes with limits; `done` is called with each as it is known.

    A file that ends its worker is coverage error, as one is that cannot be read.
    """
    found: list[Scanned] = []
    waiting: deque[_Begun | Scanned] = deque()

    def settle() -> None:
        one = _settled(waiting.popleft(), rules, digest=digest)
        done(one)
        found.append(one)

    try:
        for item in items:
            waiting.append(_begin(item, rules, pool))
            if len(waiting) > AHEAD * pool.size:
                settle()
        while waiting:
            settle()
    finally:
        for one in waiting:
            if isinstance(one, _Begun):
                one.close()
    return found


def _size(item: Input) -> int:
    try:
        return item.found.stat().st_size
    except OSError:
        return 0


def _begin(item: Input, rules: Ruleset, pool: ScanPool) -> _Begun | Scanned:
    with ExitStack() as stack:
        try:
            source = stack.enter_context(_opened(item))
        except (OSError, StorageError) as error:
            return _unread(item, rules, error)
        facts = pool.submit(OpenFile(item.found, source.size, source.descriptor))
        return _Begun(item, source, facts, stack.pop_all().close)


def _settled(one: _Begun | Scanned, rules: Ruleset, *, digest: bool) -> Scanned:
    if isinstance(one, Scanned):
        return one
    try:
        facts = parse_facts(one.facts.result()[0], one.source.size)
        return _judged(one.item, rules, facts, one.source, digest=digest)
    except (OSError, StorageError) as error:
        return _unread(one.item, rules, error)
    finally:
        one.close()


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


def _unread(item: Input, rules: Ruleset, error: OSError | StorageError) -> Scanned:
    reason = str(getattr(error, "strerror", None) or error)
    gap = Gap("", "file", f"error:{reason}", executes=True)
    finding = replace(rules.finding(unread(item.path, reason)), member="")
    judgement = Judgement(item.path, 0, finding.severity, Coverage.ERROR, (finding,), (), (), (gap,), SCANNER, rules.digest)
    return Scanned(item, judgement, None)
