"""Table of what this node found out about other members: how audits went (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, String, Table, Text

from hanse.db.tables import metadata

# LISTED STATE: how members answered when they were asked for what they say they hold; without it they are asked anew.
audits = Table(
    "audits",
    metadata,
    Column("member", String(255), primary_key=True),  # origin
    Column("asked", BigInteger, nullable=False),  # audits so far
    Column("served", BigInteger, nullable=False),  # those that were answered with the right bytes
    Column("failed_row", BigInteger, nullable=False),  # failures since it last answered well
    Column("served_row", BigInteger, nullable=False),  # good answers since it last failed
    Column("failing", Boolean, nullable=False),  # it does not count as a holder
    Column("outcome", String(8), nullable=False),  # of the last one: served, absent, silent, false
    Column("says", Text, nullable=False),  # what it answered instead, "" for nothing
    Column("asked_at", BigInteger, nullable=False),
    Column("served_at", BigInteger, nullable=False),  # 0 before the first good answer
    Column("logged_at", BigInteger, nullable=False),  # when a statement about it last went into the log, 0 before
)
