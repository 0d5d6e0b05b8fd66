"""The audit of a policy's own hub cache before a program uses it: what is not verified any more is moved out of reach.

A cache in which no file changed since it was found in order is not looked into again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import HanseError, StorageError
from hanse.flows.gateway.partial import remove_partial
from hanse.store.durable import storage_errors
from hanse.store.held.store import Held

if TYPE_CHECKING:
    from hanse.flows.audit.folder import AuditedFile
    from hanse.flows.pull.asked import PullSettings

MAX_FILES = 2_000_000
SAY_SECONDS = 3.0
"""After what time it is said that a cache is still being looked into."""
_KIND = "audited-cache"
_WARNED = "advisories-listed"


def is_empty(cache: Path) -> bool:
    """Tell whether nothing was ever put into a cache."""
    try:
        with os.scandir(cache) as entries:
            return not any(entries)
    except FileNotFoundError:
        return True


def cache_state(cache: Path, flagged: tuple[str, ...]) -> str:
    """Return a digest that differs if a file was added, removed or written, or if more is known of files (`flagged`).

    Raises StorageError for a cache that cannot be read, or of too many files.
    """
    state = hashlib.sha256("\n".join(flagged).encode())
    try:
        for number, (path, status) in enumerate(_files(cache)):
            if number >= MAX_FILES:
                raise StorageError(f"{cache} has more than {MAX_FILES:,} files", hint="remove what is not needed any more")
            facts = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)
            state.update(os.fsencode(path) + b"\0" + repr(facts).encode() + b"\n")
    except OSError as error:
        raise StorageError(f"{cache} cannot be read: {error.strerror}") from error
    return state.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield entry.path, entry.stat(follow_symlinks=False)


def remove_plain(cache: Path) -> None:
    """Remove whole models that lie in a cache as plain folders, where sentence-transformers up to 2.2 puts them.

    It asks nobody about such a folder again; what was in it is held, and given anew. Raises StorageError.
    """
    with storage_errors(f"look into the cache {cache}"), os.scandir(cache) as entries:
        plain = [one for one in entries if not _is_of_clients(one.name) and _is_model(one.path)]
    for one in plain:
        with storage_errors(f"remove the model in {one.path}, which is read without a question"):
            if one.is_symlink():
                Path(one.path).unlink()
            else:
                shutil.rmtree(one.path)


def _is_model(path: str) -> bool:
    """Tell whether a folder has what such a library begins with."""
    return any(os.path.lexists(f"{path}/{name}") for name in ("modules.json", "config.json"))


def _is_of_clients(name: str) -> bool:
    """Tell whether a folder of a cache is one that clients of the Hub make, and look after."""
    return name.startswith(".") or name == "blobs" or "--" in name


def audit_before(
    cache: Path,
    home: Path,
    held: Held,
    *,
    settings: Callable[[], PullSettings],
    now: int,
    say: Callable[[str], None],
    warned: Callable[[], str] = str,
) -> None:
    """Look into a policy's cache; what is altered, refused or not known to be verified is moved to the quarantine, and said.

    settings: gives those of the gateway that will serve it, asked for only if there is something to look into; warned: gives a
    digest of the advisories that its nodes list, empty if they list none or are not to be asked. Nodes are asked about what is
    cached only where they list others than the last time; otherwise nothing is asked of a network. Raises StorageError: a cache
    that cannot be looked into is not used.
    """
    if is_empty(cache):
        return
    remove_plain(cache)
    remove_partial(cache)
    kept, heard, listed = held.get(_KIND, str(cache)), held.get(_WARNED, str(cache)), warned()
    asks = bool(listed) and (heard is None or heard[0].decode() != listed)
    if not asks and kept is not None and kept[0].decode() == cache_state(cache, _flagged(held)):
        return
    _audit(cache, home, held, settings=replace(settings(), offline=not asks, fresh=asks), now=now, say=say)
    held.put(_KIND, str(cache), cache_state(cache, _flagged(held)).encode(), now)
    if asks:
        held.put(_WARNED, str(cache), listed.encode(), now)


def _flagged(held: Held) -> tuple[str, ...]:
    """Return what is known of files and revisions that may be worth another look at a cache."""
    return (*held.keys("flagged"), *held.keys("recalled"))


def _audit(cache: Path, home: Path, held: Held, *, settings: PullSettings, now: int, say: Callable[[str], None]) -> None:
    from hanse.clock import SystemClock  # noqa: PLC0415 most starts have nothing to audit, and do without all of this
    from hanse.flows.audit.folder import State, audit_folder  # noqa: PLC0415 same
    from hanse.flows.audit.known import Knowledge  # noqa: PLC0415 same
    from hanse.flows.audit.moves import quarantine  # noqa: PLC0415 same
    from hanse.flows.found import Kind  # noqa: PLC0415 same
    from hanse.flows.pull.fetch import Fetcher  # noqa: PLC0415 same
    from hanse.flows.pull.puller import Puller  # noqa: PLC0415 same

    with closing(Puller(settings, held, Fetcher(held), SystemClock())) as puller, closing(Knowledge(puller, now)) as knowledge:
        report = audit_folder(cache, held, knowledge.resolve, knowledge.judge, advance=_telling(say))
    # In a cache that only a gateway has filled, what nobody vouches for was put there by somebody else.
    # A plain folder is no cache: clients find nothing in it.
    looked = [one for one in report.revisions if one.found.kind is not Kind.FOLDER]
    judged = [one if one.bad or one.state is State.VERIFIED else replace(one, state=State.REFUSED) for one in looked]
    for one in judged:
        if one.bad:
            say(f"moved out of the cache: {one.found.title}: {one.says or _first(one.files) or one.state.value}")
    try:
        quarantine(replace(report, revisions=tuple(judged)), cache, home, now)
    except HanseError as error:
        raise StorageError(f"{cache} holds files that are not verified, and cannot be cleaned: {error.message}") from error


def _telling(say: Callable[[str], None]) -> Callable[[int], None]:
    """Return what counts the bytes that were looked at, and says every few seconds how many: much may be new in a cache."""
    looked, told = 0, time.monotonic()

    def advance(size: int) -> None:
        nonlocal looked, told
        looked += size
        if time.monotonic() - told > SAY_SECONDS:
            told = time.monotonic()
            say(f"looking into the cache before the program starts: {looked / 1e9:.1f} GB so far")

    return advance


def _first(files: tuple[AuditedFile, ...]) -> str:
    return next((f"{one.path}: {one.says}" for one in files if one.says), "")
