"""Tables of the scanner: facts of contents, what there is to be said about files, waivers (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from hanse.db.tables import id_column, metadata, repo_column

scans = Table(  # facts of contents, by the scanner's version that made them; made again from the bytes after a rebuild
    "scans",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("scanner", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),  # of the content
    Column("facts", LargeBinary, nullable=False),  # canonical JSON, compressed by zlib
    Column("others", Text),  # JSON: what other scanners said, never part of the verdict
    Column("created_at", BigInteger, nullable=False),
)

flags = Table(  # files of repositories about which there is something to say; made again by judging
    "flags",
    metadata,
    repo_column(primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("path_hash", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("ruleset", String(64), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("coverage", String(12), nullable=False),
    Column("rules", Text, nullable=False),  # JSON [[rule id, severity], ...], the worst first
    Column("says", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("executes", Boolean, nullable=False),
    Column("blocked", Boolean, nullable=False),  # by the policy in force, whatever waivers say
    Column("recalled", Boolean, nullable=False),  # others could have it before: caches must not answer for it
    Column("waived_until", BigInteger),  # waivers let it pass until then
)
Index("ix_flags_sha256", flags.c.sha256)

repository_scans = Table(  # verdicts on revisions that rested or were attested; made again by judging
    "repository_scans",
    metadata,
    repo_column(primary_key=True),
    Column("rev", String(40), primary_key=True),
    Column("ruleset", String(64), primary_key=True),
    Column("scanner", String(200), nullable=False),
    Column("report", LargeBinary, nullable=False),  # canonical JSON of the judgement, compressed by zlib
    Column("asked", String(64), nullable=False),  # which other scanners were asked about its files; "" for none yet
    Column("created_at", BigInteger, nullable=False),
)

# LISTED STATE: waivers.
waivers = Table(
    "waivers",
    metadata,
    id_column(),
    repo_column(),
    Column("sha256", String(64), nullable=False),
    Column("rules", Text, nullable=False),  # JSON list of rule ids
    Column("reason", Text, nullable=False),
    Column("author", String(96), nullable=False),
    Column("operator", Boolean, nullable=False),  # given by an operator of the node
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)
Index("ix_waivers_file", waivers.c.repo_id, waivers.c.sha256)
