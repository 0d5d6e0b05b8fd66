"""Table of replication: what members published, and how far this node holds it (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from hanse.db.tables import metadata

# Made again from `sightings` and from what is held; only counters of bytes and of failures are lost with it.
copies = Table(
    "copies",
    metadata,
    Column("origin", String(253), primary_key=True),  # whose repository: the member in whose log the revision was settled
    Column("type", String(8), primary_key=True),
    Column("repo", String(193), primary_key=True),  # in lower case
    Column("rev", String(40), primary_key=True),
    Column("tree", String(64), nullable=False),
    Column("settled_at", BigInteger, nullable=False),  # as the member's leaf has it
    Column("state", String(10), nullable=False),  # wanted | left | held | refused | withdrawn | released
    Column("size", BigInteger),  # bytes of all its files, once its evidence was read
    Column("licence", String(100)),
    Column("moved", BigInteger, nullable=False),  # bytes of files that were fetched for it
    Column("tries", Integer, nullable=False),  # failures in a row
    Column("says", Text, nullable=False),  # why it is refused, or failed last
    Column("changed_at", BigInteger, nullable=False),
)
Index("ix_copies_state", copies.c.state, copies.c.settled_at)
