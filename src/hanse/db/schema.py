"""Tables of the catalogue (SQLAlchemy Core, SQLite and PostgreSQL).

Digests are kept as the lower-case hex that clients see, except in `chunks` and packed columns, which hold raw bytes.
Times are whole seconds since 1970 UTC. Every table that names a repository refers to `repos.id`, and `names` maps
(origin, type, case-folded path) to it: DESIGN.md section 4. What `hanse admin rebuild` cannot recreate from objects and
journal is marked LISTED STATE (DESIGN.md section 7).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from hanse.db import schema_copies, schema_foreign, schema_jobs, schema_mirror, schema_scans, schema_status, schema_trust
from hanse.db.tables import KEY, id_column, metadata, repo_column

__all__ = [
    "metadata",
    "schema_copies",
    "schema_foreign",
    "schema_jobs",
    "schema_mirror",
    "schema_scans",
    "schema_status",
    "schema_trust",
]

node_state = Table(
    "node_state",
    metadata,
    Column("key", String(64), primary_key=True),  # origin, cas_epoch
    Column("value", Text, nullable=False),
)

# LISTED STATE: accounts, memberships, tokens, access_requests, discussions, grants of any kind.
accounts = Table(
    "accounts",
    metadata,
    id_column(),
    Column("name", String(96), nullable=False),  # as spelled
    Column("folded", String(96), nullable=False, unique=True),  # namespace at this node's own origin
    Column("kind", String(8), nullable=False),  # user | org
    Column("fullname", Text, nullable=False, default=""),
    Column("email", Text),
    Column("admin", Boolean, nullable=False, default=False),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("default_private", Boolean, nullable=False, default=False),
    Column("quota_bytes", BigInteger),  # None: the node's default
    Column("created_at", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", KEY, ForeignKey("accounts.id"), primary_key=True),
    Column("user_id", KEY, ForeignKey("accounts.id"), primary_key=True),
    Column("role", String(16), nullable=False),  # read | contributor | write | admin
)

tokens = Table(
    "tokens",
    metadata,
    id_column(),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token text
    Column("account_id", KEY, ForeignKey("accounts.id"), nullable=False),
    Column("label", String(96), nullable=False),
    Column("role", String(8), nullable=False),  # read | write | evaluate
    Column("robot", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked", Boolean, nullable=False, default=False),
)

repos = Table(
    "repos",
    metadata,
    id_column(),
    Column("origin", String(253), nullable=False),
    Column("type", String(8), nullable=False),  # model | dataset
    Column("namespace", String(96), nullable=False),  # as spelled now
    Column("name", String(96), nullable=False),
    Column("namespace_folded", String(96), nullable=False),
    Column("state", String(10), nullable=False),  # pending | live | withdrawn | erased
    Column("visibility", String(10), nullable=False),  # public | federation | private
    Column("salt", LargeBinary(32)),  # of the current visibility epoch, None while public
    Column("gated", String(6), nullable=False, default=""),  # "" | auto | manual (LISTED STATE)
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("creator_id", KEY, ForeignKey("accounts.id")),
    Column("downloads", BigInteger, nullable=False, default=0),
    Column("likes", BigInteger, nullable=False, default=0),
    # What listing and search need of the head of `main`, kept by flows/index; JSON texts are small and bounded.
    Column("head", String(40)),
    Column("indexed", String(40)),  # the head that the columns from `pipeline_tag` on describe; differs: to be done again
    Column("search_text", Text, nullable=False, default=""),  # case-folded path
    Column("pipeline_tag", String(96)),
    Column("library_name", String(96)),
    Column("parameters", BigInteger),
    Column("safetensors", Text),  # JSON {"parameters": {...}, "total": n}
    Column("card", Text),  # JSON of the card's YAML
    Column("tags", Text, nullable=False, default="[]"),  # JSON list
    Column("config", Text),  # JSON subset of config.json
    Column("used_bytes", BigInteger, nullable=False, default=0),  # stored bytes charged to the namespace's quota
    Column("mirrored", Boolean, nullable=False, server_default=false()),  # an upstream answers for the name
)
Index("ix_repos_author", repos.c.type, repos.c.namespace_folded)
# One index for each order a listing can have: `id` makes the order total, for pages that start after a row; with the last two
# columns rows that the caller may not see are passed over inside the index.
Index("ix_repos_updated", repos.c.type, repos.c.updated_at, repos.c.id, repos.c.visibility, repos.c.state)
Index("ix_repos_created", repos.c.type, repos.c.created_at, repos.c.id, repos.c.visibility, repos.c.state)
Index("ix_repos_downloads", repos.c.type, repos.c.downloads, repos.c.id, repos.c.visibility, repos.c.state)
Index("ix_repos_likes", repos.c.type, repos.c.likes, repos.c.id, repos.c.visibility, repos.c.state)
Index("ix_repos_pipeline", repos.c.type, repos.c.pipeline_tag)
Index("ix_repos_library", repos.c.type, repos.c.library_name)
Index("ix_repos_parameters", repos.c.type, repos.c.parameters)
Index("ix_repos_gated", repos.c.type, repos.c.gated)

repo_tags = Table(
    "repo_tags",
    metadata,
    Column("tag", String(200), primary_key=True),
    repo_column(primary_key=True),
)
Index("ix_repo_tags_repo", repo_tags.c.repo_id)

name_fragments = Table(  # what follows each character of a repository's folded path: search by any part of the name
    "name_fragments",
    metadata,
    # Compared by bytes on both databases: search is a range of this key.
    Column("fragment", String(8).with_variant(String(8, collation="C"), "postgresql"), primary_key=True),
    repo_column(primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_name_fragments_repo", name_fragments.c.repo_id)

names = Table(
    "names",
    metadata,
    Column("origin", String(253), primary_key=True),
    Column("type", String(8), primary_key=True),
    Column("folded", String(193), primary_key=True),  # namespace/name, ASCII lower case
    Column("kind", String(9), nullable=False),  # reserved (change is pending) | current | redirect
    repo_column(),
)
Index("ix_names_repo", names.c.repo_id)

files = Table(
    "files",
    metadata,
    id_column(),
    Column("xet", String(64), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("terms", LargeBinary),  # packed reconstruction (content/reconstruction); None: stored whole as blobs/<sha256>
    Column("chunks", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("erased", Boolean, nullable=False, default=False),
)

repo_files = Table(
    "repo_files",
    metadata,
    repo_column(primary_key=True),
    Column("file_id", KEY, ForeignKey("files.id"), primary_key=True),
    Column("state", String(8), nullable=False),  # staged (uploaded, no commit yet) | live | retired
    Column("account_id", KEY, ForeignKey("accounts.id")),  # who uploaded it
    Column("added_at", BigInteger, nullable=False),
)
Index("ix_repo_files_file", repo_files.c.file_id)
STAGED = text("repo_files.state = 'staged'")
"""Condition in the words by which both databases see that the index of staged files serves."""
_STAGED = text("state = 'staged'")
Index("ix_repo_files_staged", repo_files.c.repo_id, repo_files.c.added_at, sqlite_where=_STAGED, postgresql_where=_STAGED)

xorbs = Table(
    "xorbs",
    metadata,
    id_column(),
    Column("hash", String(64), nullable=False, unique=True),
    Column("stored_size", Integer, nullable=False),
    Column("raw_size", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("advertised_day", Integer),  # days since 1970 of the last dedup answer, grant or reconstruction that named it
)

repo_xorbs = Table(  # who may refer to a xorb: repositories whose writers uploaded or used it
    "repo_xorbs",
    metadata,
    repo_column(primary_key=True),
    Column("xorb_id", KEY, ForeignKey("xorbs.id"), primary_key=True),
)
Index("ix_repo_xorbs_xorb", repo_xorbs.c.xorb_id)

chunks = Table(  # chunks eligible for global deduplication
    "chunks",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("xorb_id", KEY, ForeignKey("xorbs.id"), primary_key=True),
)

shards = Table(  # accepted shards, so that a repeated registration is answered at once
    "shards",
    metadata,
    Column("digest", String(64), primary_key=True),
    repo_column(primary_key=True),
    Column("accepted_at", BigInteger, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    id_column(),
    repo_column(),
    Column("rev", String(40), nullable=False),
    Column("tree", String(64), nullable=False),
    Column("object", String(64), nullable=False),  # SHA-256 of the revision object
    Column("parent", String(40)),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", String(96), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),  # pending | live | retired | withdrawn | erased
    Column("files", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    UniqueConstraint("repo_id", "rev"),
)
Index("ix_revisions_rev", revisions.c.rev)  # `hanse find`
Index("ix_revisions_tree", revisions.c.tree)

refs = Table(  # applied positions; the newest pending one is in `pending`
    "refs",
    metadata,
    repo_column(primary_key=True),
    Column("ref", String(300), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("rev", String(40), nullable=False),  # zeros: deleted, the chain goes on
    Column("tree", String(64), nullable=False),
    Column("leaf_hash", String(64), nullable=False),
    Column("message", Text, nullable=False, default=""),  # of an annotated tag
    Column("updated_at", BigInteger, nullable=False),
)

pending = Table(  # leaves waiting for the sequencer, in order of id, and all that are in the log; never dropped
    "pending",
    metadata,
    id_column(),
    repo_column(nullable=True),  # none: of leaves that are about the whole log
    Column("kind", String(16), nullable=False),  # of the leaf
    Column("ref", String(300)),
    Column("seq", BigInteger),
    Column("rev", String(40)),
    Column("tree", String(64)),
    Column("leaf", LargeBinary, nullable=False),
    Column("leaf_hash", String(64), nullable=False),
    Column("effect", Text, nullable=False),  # JSON: what applying it changes
    Column("created_at", BigInteger, nullable=False),
    Column("index", BigInteger),  # log index once sequenced; the row is then history until collected
)
Index("ix_pending_ref", pending.c.repo_id, pending.c.ref, pending.c.seq)
Index("ix_pending_index", pending.c.index)
KEYS = text("kind = 'key'")
"""Condition in the words by which both databases see that the index of leaves about keys serves."""
Index("ix_pending_keys", pending.c.index, sqlite_where=KEYS, postgresql_where=KEYS)
ADVISORIES = text("kind = 'advisory'")
"""The same for leaves about advisories."""
Index("ix_pending_advisories", pending.c.index, sqlite_where=ADVISORIES, postgresql_where=ADVISORIES)

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("size", BigInteger, nullable=False),
    Column("root", String(64), nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("fence", BigInteger, nullable=False),  # lease epoch of the last writer
    Column("staged", String(64)),  # SHA-256 of the staged batch still to be applied to the object store
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # milliseconds since 1970
)

lfs_uploads = Table(  # multipart LFS uploads in progress; the parts lie in the staging area
    "lfs_uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    repo_column(),
    Column("account_id", KEY, ForeignKey("accounts.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_size", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

discussions = Table(
    "discussions",
    metadata,
    repo_column(primary_key=True),
    Column("num", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("pull_request", Boolean, nullable=False),
    Column("status", String(8), nullable=False),  # draft | open | closed | merged
    Column("author", String(96), nullable=False),
    Column("target", String(300), nullable=False, default="refs/heads/main"),
    Column("base", String(40)),
    Column("merged", String(40)),
    Column("created_at", BigInteger, nullable=False),
)

discussion_events = Table(
    "discussion_events",
    metadata,
    Column("id", String(24), primary_key=True),
    repo_column(),
    Column("num", Integer, nullable=False),
    Column("type", String(16), nullable=False),
    Column("author", String(96), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_discussion_events_thread", "repo_id", "num", "position"),
)

access_requests = Table(
    "access_requests",
    metadata,
    repo_column(primary_key=True),
    Column("account_id", KEY, ForeignKey("accounts.id"), primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("status", String(8), nullable=False),  # pending | accepted | rejected
    Column("reason", Text, nullable=False, default=""),
    Column("fields", Text, nullable=False, default="{}"),
    Column("created_at", BigInteger, nullable=False),
)

claimed_namespaces = Table(  # namespaces another origin answers for: they never fall through
    "claimed_namespaces",
    metadata,
    Column("folded", String(96), primary_key=True),
    Column("origin", String(253), nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
)
