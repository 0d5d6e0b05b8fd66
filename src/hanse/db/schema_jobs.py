"""Table of evaluations that a node was asked to make (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from hanse.db.tables import id_column, metadata, repo_column

# LISTED STATE: what is to be evaluated; without it whoever asked asks again. The answers of a run are in its folder.
evaluation_jobs = Table(
    "evaluation_jobs",
    metadata,
    id_column(),
    repo_column(),
    Column("rev", String(40), nullable=False),
    Column("suite", String(300), nullable=False),  # name of a suite, or datasets/NAMESPACE/NAME@COMMIT
    Column("max_seconds", BigInteger, nullable=False),  # of running, all workers together; 0: no bound
    Column("max_tokens", BigInteger, nullable=False),  # of answers; 0: no bound
    Column("account_id", BigInteger, nullable=False, server_default="0"),  # who asked; 0: the operator, at the machine
    Column("max_cost", BigInteger, nullable=False, server_default="0"),  # millionths of a currency; 0: no bound
    Column("price_hour", BigInteger, nullable=False, server_default="0"),  # millionths
    Column("price_million", BigInteger, nullable=False, server_default="0"),  # millionths, of a million tokens
    Column("item_table", String(10), nullable=False, server_default="member"),  # who may fetch it: a tier
    Column("transcript", String(10), nullable=False, server_default="member"),  # likewise
    Column("state", String(10), nullable=False),  # waiting | running | done | failed | cancelled
    Column("holder", String(64), nullable=False),  # worker that runs it, "" for none
    Column("fence", BigInteger, nullable=False),  # grows with every worker that takes it
    Column("expires_at", BigInteger, nullable=False),  # when its worker counts as gone
    Column("planned", Integer, nullable=False),  # answers
    Column("done", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),  # seconds of running so far
    Column("record", String(64)),  # digest of the record that was logged
    Column("says", Text, nullable=False),  # why it failed, or the digest of what was logged
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),  # 0 before
)
Index("ix_evaluation_jobs_state", evaluation_jobs.c.state, evaluation_jobs.c.id)
