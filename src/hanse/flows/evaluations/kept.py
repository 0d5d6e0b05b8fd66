"""Files of a logged evaluation that a node keeps, and who may fetch them (docs/evaluations.md).

The log has roots of the item table only. What lies behind them stays where it was made, and beside it stands whom it is shown to:

    FOLDER/kept/COMMIT/RECORD/access.json    tiers of table and transcript, and the account that asked for the run
    FOLDER/kept/COMMIT/RECORD/table.jsonl    and the other files of a run (`hanse.flows.evaluate.runfolder`)

Tiers: `public` is everybody who may see the revision; `federation` is members who show by a signature that they are some
(`.asmember`), and this node's people who write in the repository; `member` is the node's operator and whoever asked for the run.
Prompts that ask for harm, and answers to them, are never public. No journal is kept, nor what opens a commitment.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat, InputError, NotAllowed, NotFoundError
from hanse.evals.builtin import is_harmful
from hanse.evals.record import EVALUATION
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runcard import CARD
from hanse.flows.evaluate.runfolder import RECORD, SIGNER, TABLE, TRANSCRIPT, Read, put, read_run
from hanse.flows.node import KEPT, Node
from hanse.flows.suites.folder import ITEMS, MANIFEST, read_suite
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256, parse_sha256
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.model.tier import Tier
from hanse.sign.bundle import Bundle
from hanse.sign.statement import parse_statement
from hanse.store.durable import make_directory, storage_errors, sync_directory

COPIED = (MANIFEST, ITEMS, CARD, TABLE, TRANSCRIPT)
FILES = (*COPIED, SIGNER, RECORD)
"""What is kept, in the order in which it is written: the record last."""
ACCESS = "access.json"
_MAX_ACCESS = 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """Whom files are shown to. account: who asked for the run, 0 for the operator."""

    table: Tier = Tier.MEMBER
    transcript: Tier = Tier.MEMBER
    account: int = 0


def check_tiers(shown: Shown, *, harmful: bool) -> None:
    """Raise InputError if prompts that ask for harm would be public."""
    if harmful and shown.transcript is Tier.PUBLIC:
        raise InputError(
            "the prompts of this suite ask for harm: its transcript is never public", hint="--transcript federation or member"
        )


def check_shown(folder: Path, shown: Shown) -> None:
    """Raise InputError, as `check_tiers`, for the run in a folder, before anything of it is logged."""
    if shown.transcript is Tier.PUBLIC:
        check_tiers(shown, harmful=is_harmful(read_suite(folder)))


def keep(node: Node, rev: GitOid, run: tuple[Read, Path], bundle: Bundle, shown: Shown) -> Path:
    """Copy the files of a run that was checked into the node's own folder, durable on return; returns the folder.

    rev: that the record is about; run: as it was read, and where from; bundle: the record as the node signed and logged it, which
    is kept in place of the run's own.

    What is kept already gets these tiers. Raises InputError, as `check_tiers`, or StorageError.
    """
    read, folder = run
    check_tiers(shown, harmful=is_harmful(read.suite))
    place = _folder(node, rev, read.record.digest)
    said = {"v": 1, "table": shown.table.value, "transcript": shown.transcript.value, "account": shown.account}
    said |= {"harmful": is_harmful(read.suite)}
    with storage_errors(f"make {place}"):
        make_directory(place, 0o700)
    put(place / ACCESS, json.dumps(said).encode(), 0o600)
    with storage_errors(f"keep {folder}"):
        for name in COPIED:
            if (folder / name).is_file():
                _copy(folder / name, place / name)
        sync_directory(place)
    put(place / SIGNER, bundle.key.text.encode())
    put(place / RECORD, bundle.encode())
    return place


def keep_folder(node: Node, revision: Revision, folder: Path, bundles: Sequence[Bundle], shown: Shown) -> None:
    """Copy the files of a run whose record was logged by one of these bundles; raises InputError if it has none."""
    said = [(bundle, parse_statement(bundle.payload)) for bundle in bundles]
    logged = [bundle for bundle, statement in said if statement.predicate_type == EVALUATION]
    if not logged:
        raise InputError("only the files of a record can be shown", hint="leave out --table and --transcript")
    keep(node, revision.rev, (read_run(folder), folder), logged[0], shown)


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    with source.open("rb") as old, part.open("xb") as new:
        part.chmod(0o600)
        shutil.copyfileobj(old, new, 1024 * 1024)
        new.flush()
        os.fsync(new.fileno())
    part.replace(target)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a record. shown: whom to; harmful: its prompts ask for harm; files: names with the tier of each."""

    folder: Path
    shown: Shown
    harmful: bool
    files: dict[str, Tier]


def find(node: Node, rev: GitOid, record: str) -> Kept:
    """Return what is kept of a record about a revision; raises NotFoundError if nothing is, BadDigest, BadFormat."""
    folder = _folder(node, rev, parse_sha256(record))
    if not (folder / RECORD).is_file():
        raise NotFoundError(
            f"this node keeps no files of the record {record[:16]}", hint="ask the institution that ran it: hanse evaluations"
        )
    said = parse_strict(read_bounded(folder / ACCESS, _MAX_ACCESS), "the access to a run", _MAX_ACCESS)
    try:
        shown = Shown(Tier(said["table"]), Tier(said["transcript"]), int(said["account"]))
    except (KeyError, ValueError, TypeError) as error:
        raise BadFormat(f"{folder / ACCESS} is damaged", hint="log the record again: hanse log-record") from error
    harmful = said.get("harmful") is not False
    tiers = dict.fromkeys(FILES, Tier.PUBLIC) | {TABLE: shown.table, TRANSCRIPT: shown.transcript}
    tiers[ITEMS] = shown.transcript if harmful else shown.table
    return Kept(folder, shown, harmful, {name: tier for name, tier in tiers.items() if (folder / name).is_file()})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants a file. member: of the federation, who signed the request."""

    actor: Actor
    member: Origin | None = None


def fetch(node: Node, caller: Caller, repo: Repo, rev: GitOid, named: tuple[str, str]) -> Path:
    """Return the place of a file of a record about a revision that the caller may see. named: the record's digest, and the file.

    Raises NotFoundError for what is not kept, NotAllowed if it is not shown to the caller.
    """
    (record, file), kept = named, find(node, rev, named[0])
    tier = kept.files.get(file)
    if tier is None:
        raise NotFoundError(f"there is no {file[:40]!r} of this record", hint=f"there are {', '.join(kept.files)}")
    if not may_fetch(kept, tier, caller, repo):
        whom = "members of the federation" if tier is Tier.FEDERATION else f"{node.origin} itself"
        raise NotAllowed(
            f"{file} of the record {record[:16]} is shown to {whom} only", hint="its roots are in the record, for everybody"
        )
    return kept.folder / file


def may_fetch(kept: Kept, tier: Tier, caller: Caller, repo: Repo) -> bool:
    """Tell whether a caller is shown what has this tier."""
    actor = caller.actor
    if tier is Tier.PUBLIC or actor.admin:
        return True
    if not actor.anonymous and actor.account_id == kept.shown.account:
        return True
    return tier is Tier.FEDERATION and (caller.member is not None or (not actor.anonymous and actor.is_writer(repo.people)))


def _folder(node: Node, rev: GitOid, record: Sha256) -> Path:
    if node.evaluations is None:
        raise NotFoundError("this node keeps no files of evaluations")
    return node.evaluations / KEPT / rev / record
