"""Commits before anybody sees them: git id, revision object, catalogue row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hanse.content.gitobjects import Person, clean_message, commit_id, commit_object
from hanse.db.repos import Repo
from hanse.flows import records
from hanse.flows.listing import Delta, RevisionListing, kept_as, lay_out
from hanse.flows.node import Node
from hanse.flows.records import RevisionRecord, head_fields
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import RefName

_NOBODY = "unknown"


@dataclass(frozen=True, slots=True)
class Words:
    """What a commit says of itself; author: the name shown; now: seconds since 1970."""

    title: str
    body: str
    author: str
    now: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit whose revision object is stored. repo: as it was then; object: name of the revision object."""

    repo: Repo
    ref: RefName
    rev: GitOid
    parent: GitOid | None
    listing: RevisionListing
    object: Sha256
    words: Words

    @property
    def row(self) -> dict[str, Any]:
        """Columns of the revision's row (`hanse.db.revisions.insert_pending`)."""
        return {
            "repo_id": self.repo.id,
            "rev": self.rev,
            "tree": self.listing.tree,
            "object": self.object,
            "parent": self.parent,
            "title": self.words.title,
            "message": self.words.body,
            "author": self.words.author,
            "created_at": self.words.now,
            "files": self.listing.directory.count,
            "bytes": self.listing.directory.size,
        }


def words_of(actor: Actor, title: str, body: str, now: int, author: str | None = None) -> Words:
    """Return what a commit of the caller says; the title is one line, as git has it."""
    message = clean_message(title, body)
    first, _, rest = message.partition("\n")
    return Words(first, rest.strip("\n"), author or actor.name or _NOBODY, now)


def write_commit(
    node: Node,
    repo: Repo,
    ref: RefName,
    words: Words,
    *,
    parent: GitOid | None,
    base: RevisionListing | None,
    listing: RevisionListing,
    change: Delta,
) -> Draft:
    """Store the revision object of a commit durably.

    base: the listing that `change` leads from, None for a snapshot. Raises TooLarge or StorageError.
    """
    person = Person(words.author, f"{words.author}@users.noreply.{node.origin}", words.now)
    body = commit_object(
        listing.directory.oid(), [] if parent is None else [parent], person, person, clean_message(words.title, words.body)
    )
    rev, layout = commit_id(body), lay_out(base, listing, change)
    record = RevisionRecord(
        **head_fields(repo.repo, repo.salt),
        ref=ref,
        parent=parent,
        rev=rev,
        tree=listing.tree,
        commit=body.decode(),
        files=listing.directory.count,
        bytes=listing.directory.size,
        **layout.fields(),
    )
    digest = records.save(node.store, record)
    kept = kept_as(base, listing, layout, digest)
    node.listings.add(digest, kept)
    return Draft(repo, ref, rev, parent, kept, digest, words)
