"""Tables of mirrors: what upstream hubs claim, and how far it was taken in (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from hanse.db.tables import metadata, repo_column

# LISTED STATE: where mirrors come from, pins of revisions that are not complete, refusals. What is complete has its records.
mirrors = Table(
    "mirrors",
    metadata,
    repo_column(primary_key=True),
    Column("url", Text, nullable=False),  # of the upstream hub; "" if only a cache on this machine tells
    Column("asked_at", BigInteger, nullable=False),  # when the upstream was last asked, 0 if never
    Column("seen_at", BigInteger, nullable=False),  # when it last answered
    Column("failure", Text, nullable=False),  # what it said or did instead of answering, "" if it answered
)

mirror_revisions = Table(
    "mirror_revisions",
    metadata,
    repo_column(primary_key=True),
    Column("rev", String(40), primary_key=True),
    Column("source", String(8), nullable=False),  # upstream | cache
    Column("state", String(8), nullable=False),  # partial | complete | refused
    Column("pins", LargeBinary, nullable=False),  # compressed JSON of every file that it has
    Column("pinned", String(64), nullable=False),  # SHA-256 of what the pins say
    Column("words", Text, nullable=False),  # JSON: title, message, author and time of the commit
    Column("says", Text, nullable=False),  # why it is refused
    Column("first_seen", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
)

mirror_contents = Table(  # contents that were taken in and had every digest that was claimed, by their git blob id
    "mirror_contents",
    metadata,
    repo_column(primary_key=True),
    Column("git_oid", String(40), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("xet", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
)
