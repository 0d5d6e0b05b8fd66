"""Repositories as a whole: creating, duplicating, moving, visibility, settings, deletion. All but settings go by the journal.

A `repo` leaf says what happened, in clear for public repositories and concealed otherwise; a record beside it (never served)
says the rest: names as spelled, salts. A change of visibility begins a new epoch: a new salt, and a new chain for every ref.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from hanse.content.gitobjects import blob_id
from hanse.db import accounts, blobs, flags, leaves, repos, revisions, usage
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import BadCommit, BadRepoId, Busy, InputError, NotAllowed, RepoNotFound
from hanse.flows import access, chains, records
from hanse.flows.accounts import require_unclaimed
from hanse.flows.admission import require_revision, withheld_contents
from hanse.flows.chains import Queued
from hanse.flows.drafts import words_of, write_commit
from hanse.flows.effects import MAIN, Create, Delete, Rename
from hanse.flows.effects import Visibility as VisibilityEffect
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.listing import Delta, RevisionListing
from hanse.flows.node import Node
from hanse.flows.quota import require_namespace
from hanse.flows.records import RepoRecord
from hanse.flows.small_files import store_whole
from hanse.flows.transfers import require_stored
from hanse.model.actor import Actor
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.entry import Entry
from hanse.model.leaf import leaf_id, parse_leaf
from hanse.model.ref_leaf import RepoLeaf, RepoOp
from hanse.model.repo import RefName, RepoId, Visibility
from hanse.store.keys import blob_key, chunk_list_key

GATES = ("", "auto", "manual")


def create_repo(node: Node, actor: Actor, repo_id: RepoId, visibility: Visibility | None = None) -> Repo:
    """Create a repository with its first commit (`.gitattributes`) and return it once everybody sees it.

    visibility: None for the namespace's default. Raises NotAuthenticated or NotAllowed, Conflict if the name is taken or the
    namespace is claimed by another origin.
    """
    data = DEFAULT_GITATTRIBUTES
    _require_creation(node, actor, repo_id)
    stored = store_whole(node, data)
    with node.db.write() as conn:
        row = blobs.insert_files(conn, [stored], node.clock.now())[stored.xet]
        require_stored(node.store, [blob_key(row.sha256), chunk_list_key(row.xet)])
    entry = Entry(".gitattributes", row.size, row.sha256, row.xet, blob_id(data), lfs=False)
    listing = RevisionListing.empty().apply([entry])
    return _found(node, actor, repo_id, visibility, listing=listing, files=[row], title="initial commit")


def duplicate_repo(node: Node, actor: Actor, source: Repo, target: RepoId, visibility: Visibility | None = None) -> Repo:
    """Create a repository whose `main` has the files of the source's, without its history.

    Raises as `create_repo`; GatedRepo, Disabled or Held if the caller may not read all of the source; QuotaExceeded.
    """
    _require_creation(node, actor, target)
    access.require_read_bytes(node, actor, source)
    head = access.resolve_revision(node, source, MAIN)
    listing = node.listings.get(node.store, head.object)
    wanted = sorted({entry.xet for entry in listing.directory.entries()})
    with node.db.read() as conn:
        rows = blobs.find_by_xet(conn, source.id, wanted)
    if len(rows) != len(wanted):
        raise BadCommit(f"{len(wanted) - len(rows)} files of {source.repo.path} are no longer here")
    require_revision(node, actor, source, head.rev, listing)
    for error in withheld_contents(node, actor, source, list(rows.values())).values():
        raise error
    plain = RevisionListing(listing.directory, tree_map=listing.map)
    title = f"Duplicate from {source.repo.path}"
    files = list(rows.values())
    return _found(node, actor, target, visibility, listing=plain, files=files, title=title, source=source.id)


def _require_creation(node: Node, actor: Actor, repo_id: RepoId) -> None:
    access.require_contribute(actor, repo_id.namespace)
    if repo_id.origin != node.origin:
        raise NotAllowed(f"{repo_id.origin} answers for {repo_id.path}, not this node", hint="create it there")
    with node.db.read() as conn:
        require_unclaimed(conn, repo_id.namespace)
        if accounts.find_account(conn, repo_id.namespace) is None:
            raise NotAllowed(
                f"there is no user or organisation {repo_id.namespace!r}", hint="ask the node's operator to create it"
            )


def _default_visibility(node: Node, namespace: str) -> Visibility:
    with node.db.read() as conn:
        account = accounts.find_account(conn, namespace)
    return Visibility.PRIVATE if account is not None and account.default_private else Visibility.PUBLIC


def _found(
    node: Node,
    actor: Actor,
    repo_id: RepoId,
    visibility: Visibility | None,
    *,
    listing: RevisionListing,
    files: Sequence[FileRow],
    title: str,
    source: int | None = None,
) -> Repo:
    """Create a repository with one commit: name, files, revision and both leaves in one transaction."""
    chosen = visibility or _default_visibility(node, repo_id.namespace)
    words = words_of(actor, title, "", node.clock.now())
    unborn = repos.unborn(repo_id, chosen, chains.new_salt(chosen), words.now)
    draft = write_commit(node, unborn, RefName(MAIN), words, parent=None, base=None, listing=listing, change=Delta({}))
    leaf, record = _record(node, unborn, RepoOp.CREATE, after=unborn, to=None, now=words.now)
    with node.db.write() as conn:
        made = repos.create(conn, repo_id, visibility=chosen, salt=unborn.salt, creator_id=actor.account_id, now=words.now)
        if usage.hold(conn, made, files, actor.account_id, words.now).gone:
            raise Busy("a file was removed while the repository was created", hint="send the same request again")
        require_namespace(node, conn, repo_id, 0)
        revisions.insert_pending(conn, [{**draft.row, "repo_id": made}])
        if source is not None:
            flags.copy(conn, source, made)
        chains.queue_repo(conn, made, leaf, Create(record=record), words.now)
        born = replace(unborn, id=made)
        start = chains.newest(conn, made, draft.ref)
        queued = chains.queue_commit(node, conn, born, start, rev=draft.rev, tree=draft.listing.tree, now=words.now)
    return _await(node, born, queued)


def move_repo(node: Node, actor: Actor, repo: Repo, target: RepoId) -> Repo:
    """Rename a repository, or transfer it to another namespace; the old name leads to it from then on.

    Raises NotAllowed without the right on both sides, Conflict if the target exists, QuotaExceeded, BadRepoId for another
    type, Busy if commits to a repository that is not public come in all the time.
    """
    access.require_admin(actor, repo)
    access.require_own(repo)
    _require_creation(node, actor, target)
    if target.type is not repo.repo.type:
        raise BadRepoId("a repository keeps its type when it is moved")
    same = target.namespace.lower() == repo.repo.namespace.lower()
    op = RepoOp.RENAME if same else RepoOp.TRANSFER

    def change(conn: Connection, locked: Repo, now: int) -> list[Queued]:
        if target.folded != locked.repo.folded:
            repos.reserve_name(conn, target, locked.id)
        if not same:
            require_namespace(node, conn, target, locked.used_bytes)
        after = replace(locked, repo=target)
        leaf, record = _record(node, locked, op, after=after, to=target.folded, now=now)
        queued = chains.queue_repo(conn, locked.id, leaf, Rename(target.namespace, target.name, record=record), now)
        # Readers can take chains in clear along to the new name; concealed ones they cannot, so these begin again.
        refs = revisions.all_refs(conn, locked.id) if locked.salt is not None else []
        return [queued, *chains.queue_new_chains(node, conn, after, refs, now)]

    return _change_at_rest(node, repo, change)


def set_visibility(node: Node, actor: Actor, repo: Repo, visibility: Visibility) -> Repo:
    """Make a repository public, federation or private and return it; what was public cannot be unsaid.

    Raises NotAllowed, or Busy if commits come in all the time.
    """
    access.require_admin(actor, repo)
    access.require_own(repo)

    def change(conn: Connection, locked: Repo, now: int) -> list[Queued]:
        if locked.visibility is visibility:
            return []
        after = replace(locked, visibility=visibility, salt=chains.new_salt(visibility))
        leaf, record = _record(node, locked, RepoOp.VISIBILITY, after=after, to=visibility.value, now=now)
        effect = VisibilityEffect(visibility.value, (after.salt or b"").hex(), record=record)
        queued = chains.queue_repo(conn, locked.id, leaf, effect, now)
        return [queued, *chains.queue_new_chains(node, conn, after, revisions.all_refs(conn, locked.id), now)]

    return _change_at_rest(node, repo, change)


def _change_at_rest(node: Node, repo: Repo, change: Callable[[Connection, Repo, int], list[Queued]]) -> Repo:
    """Run `change` when no leaf of the repository waits, so that the applied refs are the newest; return the repository."""

    def at_rest(conn: Connection, locked: Repo) -> list[Queued] | int:
        waiting = leaves.waiting_of(conn, locked.id)
        return waiting[-1].id if waiting else change(conn, locked, node.clock.now())

    with chains.turn(node, repo):
        for _ in range(chains.ATTEMPTS):
            queued = chains.change_repo(node, repo, at_rest)
            if isinstance(queued, list):
                return _await(node, repo, queued[-1]) if queued else repo
            node.sequencer.wait(queued, node.limits.publish_timeout_seconds)
    raise Busy(f"{repo.repo.path} is being changed by others all the time", hint="send the same request again")


def delete_repo(node: Node, actor: Actor, repo: Repo) -> None:
    """Delete a repository and free its name. What was public is retired; what was not is withdrawn (DESIGN.md section 7).

    Raises NotAuthenticated or NotAllowed.
    """
    access.require_admin(actor, repo)

    def change(conn: Connection, locked: Repo) -> Queued:
        now = node.clock.now()
        leaf, record = _record(node, locked, RepoOp.DELETE, after=locked, to=None, now=now)
        effect = Delete("retired" if locked.public else "withdrawn", record=record)
        return chains.queue_repo(conn, locked.id, leaf, effect, now)

    queued = chains.change_repo(node, repo, change)
    node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)


def set_gated(node: Node, actor: Actor, repo: Repo, gated: str) -> Repo:
    """Make a repository ask for access requests ("auto" or "manual"), or not (""); raises NotAllowed or InputError."""
    access.require_admin(actor, repo)
    if gated not in GATES:
        raise InputError(f"gated is auto, manual or false, got {gated[:40]!r}")
    return _set(node, repo, gated=gated)


def set_copies(node: Node, actor: Actor, repo: Repo, *, allowed: bool) -> None:
    """Log whether members may hold copies of a repository while it is gated; what was allowed may be taken back.

    Raises NotAllowed; InputError for a repository that is not public, of which nobody holds copies.
    """
    access.require_admin(actor, repo)
    access.require_own(repo)

    def change(conn: Connection, locked: Repo) -> Queued | None:
        if not locked.public:
            raise InputError(
                f"{locked.repo.path} is not public, and stays at home", hint="only gated repositories are asked about"
            )
        if _allowed(conn, locked.id) == allowed:
            return None
        return chains.queue_copies(conn, locked, allowed=allowed, now=node.clock.now())

    queued = chains.change_repo(node, repo, change)
    if queued is not None:
        node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)


def copies_allowed(node: Node, repo: Repo) -> bool:
    """Tell whether a repository of this node may be copied while it is gated."""
    with node.db.read() as conn:
        return _allowed(conn, repo.id)


def _allowed(conn: Connection, repo: int) -> bool:
    """Tell what was said last, since the repository has its name and its visibility."""
    said, changed = leaves.newest_said(conn, repo, CopiesLeaf.kind), leaves.newest_said(conn, repo, RepoLeaf.kind)
    if said is None or (changed is not None and changed[0] > said[0]):
        return False
    leaf = parse_leaf(said[1])
    return isinstance(leaf, CopiesLeaf) and leaf.allowed


def set_disabled(node: Node, actor: Actor, repo: Repo, *, disabled: bool) -> Repo:
    """Withhold a repository's files from everybody, or give them back; for the node's operator. Raises NotAllowed."""
    access.require_account(actor)
    if not actor.admin or actor.role != "write":
        raise NotAllowed("only the node's operator may disable a repository")
    return _set(node, repo, disabled=disabled)


def _set(node: Node, repo: Repo, **columns: object) -> Repo:
    def change(conn: Connection, locked: Repo) -> Repo | None:
        repos.update_columns(conn, locked.id, **columns)
        return repos.get(conn, locked.id)

    return chains.change_repo(node, repo, change) or repo


def _record(node: Node, before: Repo, op: RepoOp, *, after: Repo, to: str | None, now: int) -> tuple[bytes, str]:
    """Store what a `repo` leaf does not say, and return the leaf and the name of that record.

    It is in clear if either side of the change is public: going public starts a chain in clear, and going private cannot
    unsay what was public.
    """
    salt = None if before.public or after.public else after.salt
    leaf = chains.repo_leaf(before.repo, salt, op, to, now)
    record = RepoRecord(
        **records.head_fields(before.repo, before.salt),
        op=op.value,
        to=after.repo.path,
        visibility=after.visibility.value,
        new_salt=(after.salt or b"").hex(),
        leaf=leaf_id(leaf),
    )
    return leaf, records.save(node.store, record)


def _await(node: Node, repo: Repo, queued: Queued) -> Repo:
    """Return the repository after a queued leaf is applied."""
    node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    if found is None:
        raise RepoNotFound(f"Repository {repo.repo.path} not found")
    return found
