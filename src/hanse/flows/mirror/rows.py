"""Rows of mirrored repositories: made at the first claim, found by name, pinned revisions in them.

A mirrored repository is there from the first claim on, but nobody finds it before a revision of it is complete: until then its
name is taken and its state is `pending`.
"""

from __future__ import annotations

from dataclasses import replace

from hanse.db import accounts, alarms, mirrors, notices, repos
from hanse.db.alarms import Alarm
from hanse.db.mirrors import Claimed, Mirror
from hanse.db.repos import Repo
from hanse.errors import Conflict, IntegrityError, NotAllowed
from hanse.flows import chains
from hanse.flows.mirror.claims import RevisionClaim, differences, pack, unpack, words_json
from hanse.flows.node import Node
from hanse.flows.pull.restated import restated
from hanse.model.canonical import canonical
from hanse.model.repo import RepoId, Visibility

MAX_SHOWN = 5
LOCAL_CLAIM = "local-claim"
"""Kind of the notice that only this machine says what a revision is."""


def open_mirror(node: Node, repo_id: RepoId, url: str, *, private: bool = False) -> Repo:
    """Return the row of a mirrored repository, made if this is the first claim about it.

    private: what is made is concealed, and only for this node's operators. Raises NotAllowed for a name that this node itself
    answers for, and for what is private by now and public here; Conflict if it is just being deleted.
    """
    if repo_id.origin == node.origin:
        raise NotAllowed(f"{repo_id.path} is this node's own name", hint="name another hub with --from")
    seen = Visibility.PRIVATE if private else Visibility.PUBLIC
    with node.db.write() as conn:
        found = repos.find_claimed(conn, repo_id)
        if found is None:
            now, salt = node.clock.now(), chains.new_salt(seen)
            made = repos.create(conn, repo_id, visibility=seen, salt=salt, creator_id=None, now=now, mirrored=True)
            found = repos.get(conn, made)
        assert found is not None
        if not found.mirrored or found.state not in ("pending", "live"):
            raise Conflict(f"{repo_id} is {found.state} here and cannot be mirrored")
        if private and found.public:
            raise NotAllowed(
                f"{repo_id} is private at its upstream by now, and its mirror here is public: nothing more of it is taken in",
                hint="what was public stays; to mirror it as private, delete the mirror here first",
            )
        row = mirrors.get(conn, found.id)
        if row is None or (url and row.url != url):
            mirrors.put(conn, Mirror(found.id, url, *((row.asked_at, row.seen_at, row.failure) if row else ())))
        return found


def gate(node: Node, repo: Repo, *, gated: bool) -> None:
    """Let a mirror ask for access where its upstream does, and not where it does not."""
    with node.db.write() as conn:
        repos.update_columns(conn, repo.id, gated="manual" if gated else "")


def find_mirror(node: Node, repo_id: RepoId) -> Repo | None:
    """Return the row of a mirrored repository, also of one that is still being taken in; None if there is none."""
    with node.db.read() as conn:
        found = repos.find_claimed(conn, repo_id)
    return found if found is not None and found.mirrored else None


def hidden(node: Node, repo: Repo) -> str:
    """Return why the plain name does not mean a mirror at this node, and how it is read all the same; empty if it does."""
    place = repo.repo
    with node.db.read() as conn:
        own = accounts.find_account(conn, place.namespace) is not None
        claimant = accounts.claimant(conn, place.namespace)
        others = [one.repo.origin for one in repos.mirrors_named(conn, place.type, place.folded) if one.id != repo.id]
    if own:
        why = f"{place.namespace} is an account of this node"
    elif claimant not in (None, place.origin):
        why = f"the namespace {place.namespace} belongs to {claimant}"
    elif others and claimant is None:
        why = f"it is mirrored from {', '.join(others[:MAX_SHOWN])}, too"
    else:
        return ""
    return f"the plain name {place.path} does not mean this mirror here: {why}; read it with HF_ENDPOINT=http://NODE/o/{place.origin}"


def address(node: Node, repo: Repo) -> str:
    """Return where a mirror is to be had at this node: its plain name, or `/o/ORIGIN/…` where that means another repository."""
    place = repo.repo
    plain = f"{place.type.prefix}{place.path}"
    return f"/o/{place.origin}/{plain}" if hidden(node, repo) else plain


def pin(node: Node, repo: Repo, claim: RevisionClaim) -> Claimed:
    """Pin a revision as it is claimed and return what is pinned of it.

    A claim that contradicts the first one is an alarm and raises IntegrityError: a commit id has one list of files for ever. What
    only a cache on this machine had told becomes the upstream's claim when it says the same.
    """
    packed, digest = pack(claim.files)
    words, now = words_json(claim.words), node.clock.now()
    with node.db.write() as conn:
        row = mirrors.claim(conn, Claimed(repo.id, claim.rev, claim.source, "partial", packed, digest, words, "", now))
    if row.pinned != digest:
        row = _agreed(node, repo, row, claim)
    if row.source == "cache" and claim.source == "upstream":
        with node.db.write() as conn:
            mirrors.confirm(conn, repo.id, claim.rev, words)
            notices.settle(conn, repo.id, claim.rev, LOCAL_CLAIM)
            found = mirrors.claimed(conn, repo.id, claim.rev)
        assert found is not None
        return found
    return row


def _agreed(node: Node, repo: Repo, row: Claimed, claim: RevisionClaim) -> Claimed:
    """Return what is pinned after a claim that differs from it; further digests are no contradiction.

    A size that was false at first gives way where the digest of the content decides, as long as not every file is here. Raises
    IntegrityError, with an alarm, for another content; the alarm is recorded in both cases.
    """
    pinned = unpack(row.pins)
    told = differences(pinned, claim.files)
    if not told:
        return row
    more = f" and {len(told) - MAX_SHOWN} more" if len(told) > MAX_SHOWN else ""
    says = f"{claim.repo} at {claim.rev} is not what {row.source} said first: {'; '.join(told[:MAX_SHOWN])}{more}"
    evidence = canonical({"rev": claim.rev, "first": row.pinned, "then": pack(claim.files)[1], "differs": told[:200]})
    raise_alarm(node, repo, "upstream-contradiction", says, evidence)
    agreed = restated(*({pin.path: pin for pin in files} for files in (pinned, claim.files)))
    if agreed is None or row.state != "partial":
        raise IntegrityError(says, hint="the first claim stays; find out why the upstream says something else now")
    packed, digest = pack(tuple(agreed[0].values()))
    with node.db.write() as conn:
        mirrors.pin_again(conn, repo.id, claim.rev, packed, digest)
    return replace(row, pins=packed, pinned=digest)


def raise_alarm(node: Node, repo: Repo, kind: str, says: str, evidence: bytes) -> None:
    """Record a lie of an upstream; a repository that is not public is not named."""
    place = repo.repo
    named = place.folded if repo.public else ""
    said = says if repo.public else f"an upstream contradicts itself about repository number {repo.id}, which is not public"
    made = Alarm(kind, place.origin, said[:2000], evidence, node.clock.now(), type=place.type.value, repo=named)
    with node.db.write() as conn:
        alarms.put(conn, made)
