"""Pulling and verifying from Python: what `from hanse import pull, verify` gives. The commands of the same names do the same."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hanse.clock import SystemClock
from hanse.errors import InputError, VerificationFailed
from hanse.flows.bounded import read_bounded
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.local_files import Checked, Hashing, Place, find_place, list_place
from hanse.flows.policies import load_policy
from hanse.flows.recalls import recalls
from hanse.flows.receipts import find_receipt
from hanse.flows.remembered import Remembered
from hanse.flows.verify_folder import FileSource, Outcome, Question, verify_folder
from hanse.flows.verify_receipt import Received, ask_of, contradictions, verify_received
from hanse.home import held_folder, home_folder
from hanse.model.receipt import MAX_RECEIPT_BYTES, split_receipt
from hanse.model.repo import parse_repo_type

if TYPE_CHECKING:
    from hanse.flows.pull.pull import Pulled

RepoTypeName = Literal["model", "dataset"]


def pull(
    repo: str,
    revision: str = "main",
    *,
    repo_type: RepoTypeName = "model",
    to: Path | str | None = None,
    cache: Path | str | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    nodes: Iterable[str] = (),
    upstream: str | None = None,
    policy: str | None = None,
    store: Path | str | None = None,
    offline: bool = False,
) -> Pulled:
    """Pull the verified files of a revision into the Hugging Face cache, or into the folder `to`; return where, and the receipt.

    repo: `namespace/name`; revision: commit id, branch or tag; cache: of Hugging Face clients, default theirs; include, exclude:
    patterns of paths; nodes, upstream: addresses, default as `hanse pull`. Raises PolicyError if the policy refuses revision or
    file, IntegrityError if nobody honest has it, NotFoundError, PeerError, StorageError, InputError.
    """
    from hanse.flows.pull import pull as pulling  # noqa: PLC0415
    from hanse.flows.pull.into_cache import hub_cache  # noqa: PLC0415 - verifying needs none of this
    from hanse.flows.pull.opened import opened, whom  # noqa: PLC0415
    from hanse.flows.pull.progress import Progress  # noqa: PLC0415

    asked = whom(
        os.environ,
        nodes=tuple(nodes),
        upstream=upstream,
        policy=policy,
        store=None if store is None else Path(store),
        offline=offline,
    )
    order = pulling.Order(
        type=parse_repo_type(repo_type),
        name=repo,
        revision=revision,
        cache=hub_cache(os.environ) if cache is None else Path(cache).absolute(),
        to=None if to is None else Path(to).absolute(),
        include=tuple(include),
        exclude=tuple(exclude),
    )
    progress = Progress()
    with opened(asked, os.environ, progress.saw) as setting:
        return pulling.pull(order, setting, progress)


def verify(
    path: Path | str,
    *,
    receipt: Path | str | None = None,
    revision: str | None = None,
    policy: str | None = None,
    complete: bool = False,
    rehash: bool = False,
    store: Path | str | None = None,
) -> Outcome | Received:
    """Verify that a folder, or an entry of the Hugging Face cache, holds what was pulled; no network is used.

    receipt: receipt or evidence file, default the one that was kept when it was pulled; revision: of several in a cache;
    complete: every file must be there; rehash: read also what did not change; store: whose word on recalls counts, as for
    `hanse verify`. Raises VerificationFailed with everything that is not as it must be, PolicyError, InputError if there is
    nothing to verify with, NotFoundError, StorageError.
    """
    home, place = home_folder(os.environ), find_place(Path(path), revision)
    data = read_bounded(Path(receipt), MAX_RECEIPT_BYTES) if receipt is not None else find_receipt(home, place)
    if data is None:
        raise InputError(f"there is no receipt of {path}", hint="pull it, or name its evidence")
    hashing = _hash(home, place, [Path(receipt)] if receipt is not None else [], rehash=rehash)
    try:
        outcome, failed = _outcome(hashing, data, load_policy(policy, home), home)
    except BaseException:
        hashing.stop()
        raise
    found = outcome.receipt if isinstance(outcome, Received) else outcome.revision
    failed += recalls(held_folder(os.environ, home, None if store is None else Path(store))[0], found.repo, found.rev)
    failed += _failed(outcome.files, complete=complete)
    if failed:
        raise VerificationFailed(f"not verified: {'; '.join(failed)}"[:2000], failed=failed, hint="do not use it")
    return outcome


def _hash(home: Path, place: Place, leave_out: list[Path], *, rehash: bool) -> Hashing:
    remembered = Remembered() if rehash else Remembered.of(home, place.root)
    return Hashing(list_place(place, leave_out), remembered)


def _outcome(hashing: Hashing, data: bytes, policy: LoadedPolicy, home: Path) -> tuple[Outcome | Received, tuple[str, ...]]:
    """Return what is verified, and what a receipt says falsely of it."""
    receipt, evidence = split_receipt(data)
    now = SystemClock().now()
    if receipt is not None and not evidence.strip():
        return verify_received(hashing, receipt, policy=policy, home=home, now=now), ()
    question = Question() if receipt is None else ask_of(receipt, Question())
    outcome = verify_folder(hashing, FileSource(evidence), question, policy=policy, home=home, now=now)
    signed = ((one.path, one.sha256) for one in outcome.revision.files)
    return outcome, () if receipt is None else contradictions(receipt, signed)


def _failed(files: Checked, *, complete: bool) -> tuple[str, ...]:
    failed = tuple(f"file {line}" for line in files.failed)
    if not files.verified and not failed:
        failed += ("files: none of those that must be there is",)
    return failed + (tuple(f"file {name}: absent" for name in files.absent) if complete else ())
