"""Tables about logs of others that this node mirrors (part of `hanse.db.schema`); all of it is made again from the copies.

Statements about revisions are in `sightings`; here is what else is needed to show such a statement to a reader.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from hanse.db.tables import metadata

foreign_leaves = Table(  # leaves about keys, refs, repositories and versions of federations in copies of others' logs
    "foreign_leaves",
    metadata,
    Column("log", String(255), primary_key=True),  # whose log
    Column("index", BigInteger, primary_key=True),
    Column("kind", String(4), nullable=False),  # key, ref, list, repo
    Column("subject", String(64), nullable=False),  # see `hanse.db.foreign.Listed`
    Column("place", String(64), nullable=False),  # of a ref or repo: SHA-256 of its full name; of a list: its federation; else ""
)
Index("ix_foreign_leaves_place", foreign_leaves.c.log, foreign_leaves.c.place, foreign_leaves.c.index)
Index("ix_foreign_leaves_subject", foreign_leaves.c.log, foreign_leaves.c.kind, foreign_leaves.c.subject, foreign_leaves.c.index)

foreign_logs = Table(  # how far the copies were looked through
    "foreign_logs",
    metadata,
    Column("log", String(255), primary_key=True),
    Column("size", BigInteger, nullable=False),  # leaves of the copy that are in `foreign_leaves` where they belong
    Column("advisories", BigInteger, nullable=False, server_default="0"),  # grows with each about an advisory, and each statement
)

foreign_checkpoints = Table(  # checkpoints at which a copy was cosigned here as a mirror; the newest of each log
    "foreign_checkpoints",
    metadata,
    Column("log", String(255), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", String(64), nullable=False),
    Column("note", Text, nullable=False),  # signed by the log
)

foreign_bundles = Table(  # statements that a leaf of another log lists, fetched from its node; fetched again if lost
    "foreign_bundles",
    metadata,
    Column("log", String(255), primary_key=True),
    Column("index", BigInteger, primary_key=True),  # of the leaf
    Column("data", LargeBinary, nullable=False),  # the bundle, compressed
)

foreign_replays = Table(  # the replayed state of a copy, written down now and then; replayed anew if lost or damaged
    "foreign_replays",
    metadata,
    Column("log", String(255), primary_key=True),
    Column("part", BigInteger, primary_key=True),  # from 0
    Column("data", LargeBinary, nullable=False),  # see `hanse.tlog.saved`
)
