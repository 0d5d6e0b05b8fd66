"""What applying a journal leaf changes in the catalogue.

An effect is queued as JSON beside its leaf and applied in the one transaction that moves the log's head over it. It depends
on nothing but the row and the catalogue, so that rolling forward after a crash, and `hanse admin rebuild`, give the same
result: times are those of the leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, delete

from hanse.db import attestations, repos, repository_scans, revisions
from hanse.db.leaves import PendingLeaf
from hanse.db.revisions import RefRow
from hanse.db.schema import refs
from hanse.errors import StorageError
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoId, RepoType

MAIN = "refs/heads/main"


class _Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """record: name of the object that says what the leaf does not (`hanse.flows.records`), "" if there is none."""

    record: str = ""


class Commit(_Effect, frozen=True, tag="commit"):
    """The ref moves to a new commit made on its head."""


class Move(_Effect, frozen=True, tag="move"):
    """The ref is created, deleted or set to another revision; what no ref reaches any more is retired.

    message: of an annotated tag.
    """

    message: str = ""


class Create(_Effect, frozen=True, tag="create"):
    """The repository is there."""


class Restore(_Effect, frozen=True, tag="restore"):
    """A deleted repository is back under its name, with a new salt (hex, empty if public); leaves of new chains follow."""

    salt: str


class Rename(_Effect, frozen=True, tag="rename"):
    """The repository has a new name, as spelled; the former one leads to it."""

    namespace: str
    name: str


class Visibility(_Effect, frozen=True, tag="visibility"):
    """The repository has a new visibility and salt (hex, empty if public); leaves that start its new chains follow."""

    visibility: str
    salt: str


class Delete(_Effect, frozen=True, tag="delete"):
    """The repository is deleted and its names are free; state: `retired` (was public) or `withdrawn`."""

    state: str


class Signed(_Effect, frozen=True, tag="signed"):
    """The ref stays where it is; its chain goes on with a first signed leaf (`hanse.flows.signing`)."""


Effect = Commit | Move | Create | Restore | Rename | Visibility | Delete | Signed
NONE = "{}"
"""Text kept for a leaf that changes nothing here."""
_COMMIT = '{"type":"commit"}'
_decode = msgspec.json.Decoder(Effect).decode


def encode(effect: Effect) -> str:
    """Return the JSON text kept in `pending.effect`."""
    return msgspec.json.encode(effect).decode()


def parse(text: str) -> Effect:
    """Return the effect written in `text`; raises StorageError if the catalogue holds something else."""
    try:
        effect: Effect = _decode(text)
    except msgspec.DecodeError as error:
        raise StorageError(f"a queued effect cannot be read: {error}", hint="run hanse admin rebuild") from error
    return effect


def apply_all(conn: Connection, rows: Iterable[PendingLeaf]) -> None:
    """Apply leaves in order of the log, inside the transaction that moves the head over them.

    Commits that follow each other are applied in few statements: they make up nearly every large batch.
    """
    commits: list[PendingLeaf] = []
    for row in rows:
        if row.effect == NONE:
            continue
        if row.effect == _COMMIT:
            commits.append(row)
            continue
        effect = parse(row.effect)
        _commit(conn, commits)
        commits = []
        _APPLY[type(effect)](conn, row, effect)
    _commit(conn, commits)


def _repo(row: PendingLeaf) -> int:
    if row.repo_id is None:
        raise StorageError("a queued leaf changes a repository and names none", hint="run hanse admin rebuild")
    return row.repo_id


def _set_refs(conn: Connection, rows: Iterable[tuple[PendingLeaf, str]]) -> None:
    """Set refs to where leaves put them; each comes with the message of an annotated tag. Of one ref the last one counts."""
    last = {(row.repo_id, row.ref): (row, message) for row, message in rows}
    revisions.put_refs(conn, [_place(row, message) for row, message in last.values()])
    mains = [row for row, _ in last.values() if row.ref == MAIN]
    repos.set_heads(conn, [(_repo(row), None if row.rev == NO_GIT_OID else row.rev, row.created_at) for row in mains])


def _place(row: PendingLeaf, message: str) -> RefRow:
    rev, tree = GitOid(str(row.rev)), Sha256(str(row.tree))
    return RefRow(_repo(row), RefName(str(row.ref)), row.seq or 0, rev, tree, row.leaf_hash, message, row.created_at)


def _commit(conn: Connection, rows: list[PendingLeaf]) -> None:
    revisions.make_live(conn, [(_repo(row), str(row.rev)) for row in rows])
    _set_refs(conn, [(row, "") for row in rows])


def _move(conn: Connection, row: PendingLeaf, effect: Move) -> None:
    if row.rev != NO_GIT_OID:
        revisions.make_live(conn, [(_repo(row), str(row.rev))])
    _set_refs(conn, [(row, effect.message)])
    settle_states(conn, _repo(row), row.created_at)


def _signed(conn: Connection, row: PendingLeaf, _effect: Signed) -> None:
    revisions.resign_ref(conn, _repo(row), str(row.ref), row.seq or 0, row.leaf_hash)


def settle_states(conn: Connection, repo: int, now: int) -> None:
    """Retire the live revisions that no ref reaches, and bring retired ones back to life that one reaches again.

    Of a mirror all are live: what an upstream once showed stays resolvable.
    """
    found = repos.get(conn, repo)
    if found is not None and found.mirrored:
        revisions.set_state(conn, repo, [row.rev for row in revisions.all_of(conn, repo, ["retired"])], "live", now)
        return
    heads = [ref.rev for ref in revisions.all_refs(conn, repo)]
    reached = revisions.reachable(conn, repo, heads)
    live = {row.rev for row in revisions.all_of(conn, repo, ["live"])}
    retired = {row.rev for row in revisions.all_of(conn, repo, ["retired"])}
    revisions.set_state(conn, repo, sorted(live - reached), "retired", now)
    revisions.set_state(conn, repo, sorted(retired & reached), "live", now)


def _create(conn: Connection, row: PendingLeaf, _effect: Create) -> None:
    repo = repos.get(conn, _repo(row))
    assert repo is not None
    repos.take_name(conn, repo.repo, repo.id)
    repos.update_columns(conn, repo.id, state="live")


def _restore(conn: Connection, row: PendingLeaf, effect: Restore) -> None:
    repo = repos.get(conn, _repo(row))
    assert repo is not None
    repos.take_name(conn, repo.repo, repo.id)
    repos.update_columns(conn, repo.id, state="live", salt=bytes.fromhex(effect.salt) or None, updated_at=row.created_at)
    attestations.end(conn, repo.id)
    _end_chains(conn, repo.id)
    # What no ref reaches starts its time of retention anew.
    gone = [old.rev for old in revisions.all_of(conn, repo.id, ["retired", "withdrawn"])]
    revisions.set_state(conn, repo.id, gone, "retired", row.created_at)
    settle_states(conn, repo.id, row.created_at)


def _rename(conn: Connection, row: PendingLeaf, effect: Rename) -> None:
    repo = repos.get(conn, _repo(row))
    assert repo is not None
    target = RepoId(Origin(repo.repo.origin), RepoType(repo.repo.type), effect.namespace, effect.name)
    repos.take_name(conn, target, repo.id)
    repos.update_columns(conn, repo.id, search_text=target.folded, updated_at=row.created_at)
    repository_scans.drop(conn, repo.id)  # a verdict on a whole repository may rest on its name
    attestations.end(conn, repo.id)
    if repo.salt is not None:
        _end_chains(conn, repo.id)


def _visibility(conn: Connection, row: PendingLeaf, effect: Visibility) -> None:
    salt = bytes.fromhex(effect.salt) or None
    repos.update_columns(conn, _repo(row), visibility=effect.visibility, salt=salt, updated_at=row.created_at)
    attestations.end(conn, _repo(row))
    _end_chains(conn, _repo(row))


def _end_chains(conn: Connection, repo: int) -> None:
    """Forget deleted refs: their chains end here, and those of the others begin anew with the leaves that follow."""
    conn.execute(delete(refs).where(refs.c.repo_id == repo, refs.c.rev == NO_GIT_OID))


def _delete(conn: Connection, row: PendingLeaf, effect: Delete) -> None:
    repos.free_names(conn, _repo(row))
    repos.update_columns(conn, _repo(row), state=effect.state, updated_at=row.created_at)
    ended = {row.rev for row in revisions.all_of(conn, _repo(row), ["live"])}
    if effect.state == "withdrawn":
        ended |= {row.rev for row in revisions.all_of(conn, _repo(row), ["retired"])}
    revisions.set_state(conn, _repo(row), sorted(ended), effect.state, row.created_at)


_APPLY: dict[type[Any], Callable[[Connection, PendingLeaf, Any], None]] = {
    Commit: lambda conn, row, _effect: _commit(conn, [row]),
    Move: _move,
    Create: _create,
    Restore: _restore,
    Rename: _rename,
    Visibility: _visibility,
    Delete: _delete,
    Signed: _signed,
}
