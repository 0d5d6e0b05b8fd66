"""Tables of the trust layer: attestations, cosignatures, witnessed logs, alarms, notices (part of `hanse.db.schema`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text, UniqueConstraint, true

from hanse.db.tables import KEY, id_column, metadata, repo_column

attestations = Table(  # statements about revisions; their bundles are objects named by payload and key
    "attestations",
    metadata,
    id_column(),
    repo_column(),
    Column("rev", String(40), nullable=False),
    Column("tree", String(64), nullable=False),
    Column("predicate", String(200), nullable=False),
    Column("payload", String(64), nullable=False),  # SHA-256 of the DSSE payload
    Column("size", BigInteger, nullable=False),  # of the payload
    Column("key", String(64), nullable=False),  # fingerprint
    Column("sig", LargeBinary, nullable=False),
    Column("basis", String(64), nullable=False),  # what it rests on besides the revision: a ruleset and scanner; "" if nothing
    Column("current", Boolean, nullable=False),  # it names the repository as it is called and visible now
    Column("leaf_id", KEY, nullable=False),  # row of `pending`: the newest leaf that logs it
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("repo_id", "rev", "payload", "key"),
)
Index("ix_attestations_rev", attestations.c.repo_id, attestations.c.rev, attestations.c.predicate)
Index("ix_attestations_payload", attestations.c.payload)

log_keys = Table(  # keys that the log's own `key` leaves, queued ones included, say something about; remade from them
    "log_keys",
    metadata,
    Column("use", String(9), primary_key=True),  # log, witness, mirror, attest, ref, namespace
    Column("namespace", String(96), primary_key=True),  # in lower case, "" but for use namespace
    Column("key", String(64), primary_key=True),  # fingerprint
    Column("spki", Text, nullable=False),  # base64 of DER
    Column("holder", String(8), nullable=False),  # operator, owner; "" but for use namespace
    Column("state", String(10), nullable=False),  # active, retired, distrusted
    Column("since", BigInteger, nullable=False),  # time of the leaf that registered it
)

# LISTED STATE: whom this node asks for cosignatures.
cosigners = Table(
    "cosigners",
    metadata,
    Column("name", String(255), primary_key=True),  # of the vkey
    Column("kind", String(7), primary_key=True),  # witness, mirror
    Column("vkey", Text, nullable=False),
    Column("url", Text, nullable=False),  # prefix before /add-checkpoint
    Column("added_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # largest size of our log that it cosigned, 0 at first
    Column("asked_at", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),  # what it last answered instead of a cosignature, "" if it did not fail
)

cosignatures = Table(  # of checkpoints of this node's own log, or of a log that it refreshes; evidence, gathered again if lost
    "cosignatures",
    metadata,
    Column("origin", String(255), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("key_id", String(8), primary_key=True),  # 4 bytes in hex
    Column("kind", String(7), nullable=False),  # witness, mirror
    Column("root", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("line", Text, nullable=False),  # the signature line, without its newline
)

# LISTED STATE: the witness's last cosigned sizes. Losing a row means a new witness key.
witnessed = Table(
    "witnessed",
    metadata,
    Column("origin", String(255), primary_key=True),
    Column("origin_hash", String(64), nullable=False, unique=True),  # SHA-256: how addresses name the log
    Column("vkey", Text, nullable=False),  # one a line, if the log has several keys
    Column("url", Text, nullable=False),  # where the log is served, "" if that is not known
    Column("size", BigInteger, nullable=False),
    Column("root", String(64), nullable=False),
    Column("note", Text, nullable=False),  # the last cosigned checkpoint, signed by the log and by us; "" before the first
    Column("time", BigInteger, nullable=False),
    Column("mirrored", BigInteger, nullable=False),  # size up to which it was replayed and found true
    Column("mirrored_root", String(64), nullable=False),
    Column("mirror_note", Text, nullable=False),  # the last checkpoint cosigned as a mirror, "" before the first
    Column("followed_at", BigInteger, nullable=False),  # when the log was last read at its address, 0 before
    Column("failure", Text, nullable=False),  # what is in the way of following it, "" for nothing
    Column("wanted", BigInteger, nullable=False, server_default="0"),  # leaves a reader saw elsewhere, 0 once it was looked at
)

alarms = Table(  # contradictions that were seen; evidence convinces a third party
    "alarms",
    metadata,
    id_column(),
    Column("kind", String(40), nullable=False),
    Column("origin", String(255), nullable=False),
    Column("type", String(10), nullable=False),  # "" where no repository is meant
    Column("repo", String(300), nullable=False),
    Column("says", Text, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # of the evidence: an alarm is raised once
    Column("created_at", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
)

notices = Table(  # what the lint at publishing has to say about revisions; blocks nothing
    "notices",
    metadata,
    repo_column(primary_key=True),
    Column("rev", String(40), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("subject", String(64), primary_key=True),  # SHA-256 of what it is about, so that several of a kind fit
    Column("says", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

sightings = Table(  # statements about public revisions in logs of others that this node mirrors: who else says he holds what
    "sightings",
    metadata,
    Column("log", String(255), primary_key=True),  # whose log
    Column("index", BigInteger, primary_key=True),
    Column("origin", String(253), nullable=False),  # of the repository
    Column("type", String(8), nullable=False),
    Column("repo", String(193), nullable=False),  # in lower case
    Column("rev", String(40), nullable=False),
    Column("tree", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),  # as the leaf has it
    Column("manifest", Boolean, nullable=False, server_default=true()),  # it says that its signer holds the files
)
Index("ix_sightings_rev", sightings.c.rev)
Index("ix_sightings_tree", sightings.c.tree)
