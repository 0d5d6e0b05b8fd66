"""A claimed revision whose files are all here becomes a revision: recorded, resolvable, observed in the log, attested.

1. Every file is an entry with the names that its bytes have; the policy of this node's scanner admits them or refuses.
2. The listing and its `tree` are computed here; the revision object says that the commit is the upstream's word.
3. One transaction: the files are held, the revision is live, and the mirror is found by its name.
4. What a ref of the upstream points at now is observed: a `ref` leaf with the upstream's origin, `claimed`.
5. The node signs the manifest of what it holds; what only a cache on this machine told is neither observed nor signed.

Each step finds what an earlier try did and goes on; a revision has one `tree` for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from hanse.db import blobs, flags, mirrors, repos, revisions, usage
from hanse.db.blobs import FileRow
from hanse.db.flags import Flag
from hanse.db.mirrors import Claimed, Content
from hanse.db.repos import Repo
from hanse.db.repository_scans import Head
from hanse.db.revisions import Revision
from hanse.errors import BadProof, Busy, IntegrityError, PolicyError
from hanse.flows import chains, records
from hanse.flows.admission import admit
from hanse.flows.attest import attest_head
from hanse.flows.chains import Position, Queued
from hanse.flows.effects import MAIN
from hanse.flows.listing import Delta, RevisionListing, kept_as, lay_out
from hanse.flows.mirror.claims import parse_words, unpack
from hanse.flows.mirror.intake import key_of
from hanse.flows.mirror.rows import raise_alarm
from hanse.flows.node import Node
from hanse.flows.records import RevisionRecord, head_fields
from hanse.flows.settle import judge_head
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.repo import RefName


def complete(node: Node, repo: Repo, claimed: Claimed, contents: Mapping[GitOid, Content]) -> tuple[Repo, Revision]:
    """Make a claimed revision a revision (steps 1 to 3), and return it with the repository as it is then.

    contents: of every file, by `key_of` its pin. Raises PolicyError if the scanner's policy refuses a file, IntegrityError if the
    commit id has another tree here, Busy if files were removed meanwhile.
    """
    pins = unpack(claimed.pins)
    # 1. Entries.
    entries = [_entry(pin.path, contents[key_of(pin)], pin.git_oid, lfs=pin.lfs) for pin in pins]
    try:
        said = admit(node, repo, entries)
    except PolicyError as error:
        with node.db.write() as conn:
            mirrors.set_state(conn, repo.id, claimed.rev, "refused", says=error.message)
        raise
    # 2. The listing and its record.
    with node.db.read() as conn:
        there = revisions.get(conn, repo.id, claimed.rev)
        base = _base(conn, repo)
    listing, before, change = _listing(node, base, entries)
    if there is not None:
        _require_tree(node, repo, there, listing.tree)
        if there.state != "erased":  # what was let go may come back
            return repo, there
    row = _record(node, repo, claimed, listing=listing, before=before, change=change)
    # 3. The revision is live.
    with node.db.write() as conn:
        return _enter(conn, node, repo, claimed.rev, row=row, contents=contents, said=said)


def _entry(path: str, content: Content, oid: GitOid, *, lfs: bool) -> Entry:
    return Entry(path, content.size, content.sha256, content.xet, oid, lfs)


def _base(conn: Connection, repo: Repo) -> Revision | None:
    """Return the revision that a new one differs from least, as far as one can tell: where `main` is, else the newest one."""
    if repo.head is not None:
        return revisions.get(conn, repo.id, repo.head)
    known = revisions.all_of(conn, repo.id, ["live"])
    return known[-1] if known else None


def _listing(node: Node, base: Revision | None, entries: list[Entry]) -> tuple[RevisionListing, RevisionListing | None, Delta]:
    """Return the listing, the one that it is written as a change of, and that change."""
    if base is None:
        return RevisionListing.empty().apply(entries), None, Delta({})
    before = node.listings.get(node.store, base.object)
    now = {entry.path: entry for entry in entries}
    gone = [entry.path for entry in before.directory.entries() if entry.path not in now]
    puts = [entry for entry in entries if before.directory.file(entry.path) != entry]
    change = Delta({**dict.fromkeys(gone), **{entry.path: records.row_of(entry) for entry in puts}})
    return before.apply(puts, gone), before, change


def _require_tree(node: Node, repo: Repo, there: Revision, tree: Sha256) -> None:
    if there.tree == tree:
        return
    says = f"{repo.repo} at {there.rev} has tree {there.tree} here, and what is claimed now makes {tree}"
    raise_alarm(node, repo, "upstream-contradiction", says, f"{there.rev} {there.tree} {tree}".encode())
    raise IntegrityError(says, hint="a commit id has one tree for ever: find out who changed it")


def _record(
    node: Node, repo: Repo, claimed: Claimed, *, listing: RevisionListing, before: RevisionListing | None, change: Delta
) -> dict[str, object]:
    """Store the revision object durably and return the columns of the revision's row."""
    words, layout = parse_words(claimed.words), lay_out(before, listing, change)
    record = RevisionRecord(
        **head_fields(repo.repo, repo.salt),
        ref="",
        parent=None,
        rev=claimed.rev,
        tree=listing.tree,
        commit="",
        files=listing.directory.count,
        bytes=listing.directory.size,
        claimed=words,
        **layout.fields(),
    )
    digest = records.save(node.store, record)
    node.listings.add(digest, kept_as(before, listing, layout, digest))
    return {
        "repo_id": repo.id,
        "rev": claimed.rev,
        "tree": listing.tree,
        "object": digest,
        "parent": None,
        "title": words.title,
        "message": words.message,
        "author": words.author,
        "created_at": words.time,
        "files": listing.directory.count,
        "bytes": listing.directory.size,
    }


def _enter(
    conn: Connection,
    node: Node,
    repo: Repo,
    rev: GitOid,
    *,
    row: dict[str, object],
    contents: Mapping[GitOid, Content],
    said: list[Flag],
) -> tuple[Repo, Revision]:
    now = node.clock.now()
    locked = repos.lock(conn, repo.id)
    if locked is None or locked.state not in ("pending", "live") or locked.salt != repo.salt:
        raise Busy(f"{repo.repo} was changed while it was mirrored", hint="run the same command again")
    files = list(blobs.find_by_xet(conn, repo.id, sorted({one.xet for one in contents.values()})).values())
    _hold(conn, repo, files, wanted=len({one.xet for one in contents.values()}), now=now)
    revisions.insert_pending(conn, [row])
    revisions.mark_objects(conn, repo.id, [(rev, str(row["object"]))])  # one that comes back is recorded anew
    revisions.make_live(conn, [(repo.id, rev)])
    flags.put(conn, said)
    mirrors.set_state(conn, repo.id, rev, "complete", now=now)
    if locked.state == "pending":
        repos.take_name(conn, locked.repo, repo.id)
        repos.update_columns(conn, repo.id, state="live", updated_at=now)
    found, revision = repos.get(conn, repo.id), revisions.get(conn, repo.id, rev)
    assert found is not None
    assert revision is not None
    return found, revision


def _hold(conn: Connection, repo: Repo, files: list[FileRow], *, wanted: int, now: int) -> None:
    if len(files) != wanted or usage.hold(conn, repo.id, files, None, now).gone:
        raise Busy("files were removed before the revision was complete", hint="run the same command again: it fetches them anew")


def observe(node: Node, repo: Repo, ref: RefName, revision: Revision | None) -> int | None:
    """Log what the upstream says that a ref points at (None: it is gone), and return the leaf's index once it is applied.

    None if that was said already. Step 4.
    """
    rev, tree = (NO_GIT_OID, NO_SHA256) if revision is None else (revision.rev, revision.tree)

    def change(conn: Connection, locked: Repo) -> Queued | None:
        position = chains.newest(conn, locked.id, ref)
        if position.rev == rev or (revision is None and not position.there):
            return None
        _require_same_tree(position, rev, tree)
        return chains.queue_move(node, conn, locked, position, rev=rev, tree=tree, now=node.clock.now(), observed=True)

    queued = chains.change_repo(node, repo, change)
    if queued is None:
        return None
    return node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)


def _require_same_tree(position: Position, rev: GitOid, tree: Sha256) -> None:
    if position.rev == rev and position.tree != tree:
        raise BadProof(f"{position.ref} is at {rev} with tree {position.tree} already, not with {tree}")


def attest(node: Node, repo: Repo, revision: Revision) -> int | None:
    """Sign the manifest of a complete revision, judge it as a whole, and return the leaf's index once it is applied (step 5).

    None if that was signed already.
    """
    with node.db.read() as conn:
        names = [row.ref for row in revisions.all_refs(conn, repo.id) if row.rev == revision.rev]
    head = Head(repo.id, next((name for name in names if name == MAIN), names[0] if names else ""), revision.rev)
    queued = attest_head(node, head)
    if node.scanning is not None:
        judge_head(node, head)
    if queued is None:
        return None
    return node.sequencer.wait(queued, node.limits.publish_timeout_seconds)
