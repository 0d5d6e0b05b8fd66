"""Receipts of pulls: made, kept below HANSE_HOME and beside a folder, and found again.

    HANSE_HOME/receipts/ORIGIN/TYPEs--NAMESPACE--NAME/REV.hanse.jsonl     in lower case, mode 0600
    FOLDER.hanse.jsonl                                                    beside a folder that was pulled into

The one below HANSE_HOME is this user's own record, which nobody else can write. A second pull of a revision adds files to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import HanseError, InputError, StorageError
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.local_files import Place
from hanse.flows.remembered import read_private, write_private
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.model.receipt import (
    HELD,
    MAX_RECEIPT_BYTES,
    Cosigner,
    JudgedBy,
    Receipt,
    Signer,
    Source,
    encode_receipt,
    split_receipt,
)
from hanse.model.repo import RepoId
from hanse.policy.explain import to_toml

if TYPE_CHECKING:
    from hanse.flows.pull.asked import PulledRevision

FOLDER = "receipts"
SUFFIX = ".hanse.jsonl"
_MAX_NOTICES = 100


def policy_digest(policy: LoadedPolicy) -> Sha256:
    """Return the SHA-256 of what a policy says."""
    return Sha256(hashlib.sha256(to_toml(policy.policy).encode()).hexdigest())


def make_receipt(
    revision: PulledRevision, policy: LoadedPolicy, files: Iterable[FilePin], sources: Mapping[str, int], now: int
) -> Receipt:
    """Return the receipt of files that were received at `now` (seconds) under a policy; sources: bytes by place.

    files: with the SHA-256 of what came.
    """
    received = tuple(sorted(files, key=lambda one: one.path))
    facts = revision.facts
    cosigners = [
        Cosigner(one.name, log.origin, one.time, mirror)
        for log in facts.logs
        for mirror, cosigned in ((False, log.witnesses), (True, log.mirrors))
        for one in cosigned
    ]
    return Receipt(
        repo=revision.repo,
        rev=GitOid(revision.rev),
        ref=revision.ref or "",
        tree=revision.tree or "",
        complete=len(received) == len(revision.files),
        pulled=now,
        as_of=now if revision.as_of is None else revision.as_of,
        rung=revision.rung,
        policy=JudgedBy(policy.policy.name, policy_digest(policy), revision.decision.state),
        files=received,
        signers=tuple(dict.fromkeys(Signer(one.member, one.key, one.owner) for one in facts.signatures)),
        cosigners=tuple(dict.fromkeys(cosigners)),
        sources=tuple(Source(name, size) for name, size in sorted(sources.items())),
        notices=tuple(one[:1000] for one in revision.notices[:_MAX_NOTICES]),
    )


def keep_receipt(
    home: Path, receipt: Receipt, evidence: bytes | None, beside: Path | None = None, *, listed: int = 0
) -> tuple[Receipt, Path]:
    """Keep a receipt and its evidence, together with the files of an earlier one of the same revision.

    beside: a folder that was pulled into, beside which it is kept, too; listed: how many files the revision has, 0 if unknown.
    Return what is kept below `home`, and where. Raises StorageError.
    """
    own = receipt_path(home, receipt.repo, receipt.rev)
    kept = receipt
    with suppress(HanseError):  # one that cannot be read is replaced
        kept = _joined(_read(own), receipt, listed)
    _write(own, encode_receipt(kept, evidence))
    if beside is not None:
        path = beside_path(beside)
        here = receipt
        with suppress(HanseError):
            here = _joined(_read(path), receipt, listed)
        _write(path, encode_receipt(here, evidence))
    return kept, own


def _joined(before: Receipt | None, after: Receipt, listed: int) -> Receipt:
    """Return the newer receipt with the files of the older one, if they are of one revision."""
    if before is None or (before.repo, before.rev, before.tree) != (after.repo, after.rev, after.tree):
        return after
    files = {one.path: one for one in (*before.files, *after.files)}
    return replace(
        after,
        files=tuple(files[path] for path in sorted(files)),
        complete=before.complete or after.complete or len(files) == listed,
        sources=_sources(before, after),
    )


def _sources(before: Receipt, after: Receipt) -> tuple[Source, ...]:
    """Return where the bytes of both are from; what was here already came from somewhere before."""
    sizes: dict[str, int] = {}
    for one in (*before.sources, *after.sources):
        sizes[one.name] = max(one.size, sizes.get(one.name, 0))
    if len(sizes) > 1:
        sizes.pop(HELD, None)
    return tuple(Source(name, size) for name, size in sorted(sizes.items()))


def receipt_path(home: Path, repo: RepoId, rev: str) -> Path:
    """Return where this user's own receipt of a revision is."""
    return home / FOLDER / repo.origin / entry_name(repo) / f"{rev}{SUFFIX}"


def entry_name(repo: RepoId) -> str:
    """Return a repository's name as one name of a folder, as clients' caches have it, in lower case."""
    return f"{repo.type.plural}--{repo.namespace}--{repo.name}".lower()


def beside_path(folder: Path) -> Path:
    """Return where the receipt of a plain folder is."""
    return folder.with_name(f"{folder.name}{SUFFIX}")


def own_receipt(home: Path, repo: RepoId, rev: str) -> Receipt | None:
    """Return this user's own record of a revision, None if there is none; raises StorageError, BadFormat."""
    return _read(receipt_path(home, repo, rev))


def find_receipt(home: Path, place: Place) -> bytes | None:
    """Return the receipt file of what lies in a place: beside the folder, or below `home` for a snapshot of a client's cache.

    None if there is none; raises InputError if there are several, of different origins; StorageError.
    """
    beside = beside_path(place.root)
    if place.rev is None:
        return _bytes(beside) if beside.is_file() else None
    entry = place.root.parent.parent.name.lower()
    found = sorted((home / FOLDER).glob(f"*/{entry}/{place.rev}{SUFFIX}"))
    if len(found) > 1:
        raise InputError(
            f"there are receipts of {entry} at {place.rev[:12]} from {len(found)} origins",
            hint=f"name one with --bundle: {found[0]}",
        )
    return _bytes(found[0]) if found else None


def _read(path: Path) -> Receipt | None:
    data = _bytes(path)
    return None if data is None else split_receipt(data)[0]


def _bytes(path: Path) -> bytes | None:
    try:
        return read_private(path, MAX_RECEIPT_BYTES)
    except OSError as error:
        raise StorageError(f"cannot read the receipt {path}: {error.strerror}") from error


def _write(path: Path, data: bytes) -> None:
    try:
        write_private(path, data)
    except OSError as error:
        raise StorageError(
            f"cannot write the receipt {path}: {error.strerror}", hint="set HANSE_HOME to a folder of yours"
        ) from error
