"""Advisories of this node: issued and withdrawn.

Issuing:

1. The record is what `hanse.model.advisory` takes, with the times of now. It names no repository of this node that is not public:
   the statement is for everybody.
2. It is signed with the attestation key, and the bundle stored.
3. One transaction queues the `advisory` leaf; the batch that logs it ends in a snapshot with the new map of advisories.

Withdrawing is the same with `withdrawn` set and an `op` that takes the id out of the map. An id may be issued anew: its newest
leaf counts. The leaves are in the log and the bundles among the objects, so that a rebuilt catalogue has them again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from hanse.clock import rfc3339
from hanse.db import attestations, leaves, logged, repos
from hanse.errors import BadFormat, Busy, Conflict, HanseError, NotAllowed, NotFoundError
from hanse.flows import bundles, effects, keyleaves
from hanse.flows.advisories.kept import Issued
from hanse.flows.node import Node
from hanse.model.advisory import Advisory, AffectedName, parse_payload, parse_purl, read_record
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import encode_leaf, leaf_id, parse_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.repo import RepoType, parse_repo_id
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import Subject, advisory_statement
from hanse.store.keys import attestation_key


def issue(node: Node, record: Mapping[str, Any]) -> Issued:
    """Sign an OSV record (`modified` and `published` become now where they are missing) and queue its leaf.

    Raises BadFormat, BadDigest, BadRepoId or TooLarge for what cannot be an advisory; NotAllowed if it names a repository here
    that is not public; Conflict for the same statement as is in force; StorageError for a replaced key.
    """
    now = rfc3339(node.clock.now())
    with node.db.read() as conn:
        before = current(own_leaves(conn)).get(str(record.get("id")))
    known = None if before is None or before[1].op is AdvisoryOp.RETRACT else load(node, before[1].payload.sha256, before[1].key)
    first = now if known is None else str(known.record.get("published", now))
    full = {"schema_version": "1.6.0", "published": first, **record, "modified": now}
    full.pop("withdrawn", None)
    return _enter(node, read_record(full), AdvisoryOp.PUBLISH)


def record_of(
    node: Node,
    record: Mapping[str, Any],
    *,
    name: str = "",
    kind: str = "",
    summary: str = "",
    details: str = "",
    affects: Sequence[str] = (),
    trees: Sequence[str] = (),
    files: Sequence[str] = (),
) -> dict[str, Any]:
    """Return an OSV record with what was given by hand put in; affects: names of this node, or package URLs.

    Raises BadRepoId or BadFormat for a name that is neither, BadFormat for a record with fields of another form.
    """
    if type(record.get("database_specific", {})) is not dict or type(record.get("affected", [])) is not list:
        raise BadFormat("database_specific of an advisory is an object, affected is a list")
    found = dict(record) | ({"summary": summary} if summary else {}) | ({"details": details} if details else {})
    if kind:
        found["database_specific"] = {**found.get("database_specific", {}), "kind": kind}
    affected = [*found.get("affected", []), *({"package": _package(node, one)} for one in affects)]
    if trees or files:
        affected.append({"database_specific": {"tree": list(trees), "sha256": list(files)}})
    found["affected"] = affected
    if name or "id" not in found:
        digest = hashlib.sha256(canonical([found, node.clock.now()])).hexdigest()[:8]
        found["id"] = name or f"HANSE-{rfc3339(node.clock.now())[:4]}-{digest}"
    return found


def _package(node: Node, text: str) -> dict[str, str]:
    if text.startswith("pkg:"):
        one = parse_purl(text)
    else:
        path, _, rev = text.partition("@")
        dataset = path.startswith("datasets/")
        kind = RepoType.DATASET if dataset else RepoType.MODEL
        named = parse_repo_id(node.origin, kind, path.removeprefix("datasets/"))
        one = AffectedName(named, frozenset({rev} if rev else ()))
    return {"ecosystem": "Hugging Face", "name": one.repo.path, "purl": one.purl}


def withdraw(node: Node, name: str) -> Issued:
    """Take back an advisory of this node; raises NotFoundError if none with that id is in force, and as `issue`."""
    with node.db.read() as conn:
        found = current(own_leaves(conn)).get(name)
    if found is None or found[1].op is AdvisoryOp.RETRACT:
        raise NotFoundError(f"no advisory {name[:120]!r} of this node is in force", hint="hanse advisory list")
    leaf, now = found[1], rfc3339(node.clock.now())
    known = load(node, leaf.payload.sha256, leaf.key)
    if known is None:
        raise NotFoundError(f"the statement of {name[:120]} is not among the objects any more", hint="run hanse admin fsck")
    return _enter(node, read_record({**known.record, "modified": now, "withdrawn": now}), AdvisoryOp.RETRACT)


def _enter(node: Node, advisory: Advisory, op: AdvisoryOp) -> Issued:
    # 1. What was said in public may be taken back, whoever may see the repository now.
    if op is AdvisoryOp.PUBLISH:
        _require_public(node, advisory)
    # 2.
    bundle = bundles.sign(node.store, advisory_statement(subjects_of(advisory), advisory.record), node.keys.attest)
    # 3.
    now = node.clock.now()
    payload = Payload(bundle.digest, len(bundle.payload))
    signature = base64.b64encode(bundle.signature).decode()
    leaf = AdvisoryLeaf(now, advisory.id, op, payload, bundle.key.fingerprint, signature)
    data = encode_leaf(leaf)
    with node.db.write() as conn:
        attestations.stop_writers(conn)  # collection must not take the bundle for a stray one meanwhile
        keyleaves.require_current(node, conn, KeyUse.ATTEST)
        last = current(own_leaves(conn)).get(advisory.id)
        if last is not None and (last[1].payload.sha256, last[1].op) == (bundle.digest, op):
            raise Conflict(f"{advisory.id} is in the log with this very statement", hint="hanse advisory show")
        if node.store.size(attestation_key(bundle.digest, bundle.key.fingerprint)) is None:
            raise Busy("the bundle was collected while it was entered", hint="do it again")
        row: dict[str, object] = {"repo_id": None, "kind": "advisory", "leaf": data, "leaf_hash": leaf_id(data)}
        leaves.append(conn, row | {"effect": effects.NONE, "created_at": now})
    taken = op is AdvisoryOp.RETRACT
    return Issued(node.origin, advisory.id, None, now, taken, bundle.digest, leaf.key, advisory)


def subjects_of(advisory: Advisory) -> list[Subject]:
    """Return what a record is about, as subjects of a statement: by digest, or at least by the purl's own digest-like name."""
    found = [Subject(one.repo.path, {"gitCommit": rev}) for one in advisory.names for rev in sorted(one.revs)]
    found += [Subject("tree", {"sha256": one}) for one in sorted(advisory.trees)]
    found += [Subject("file", {"sha256": one}) for one in sorted(advisory.files)]
    return found or [Subject(one.repo.path, {"purl": one.purl}) for one in advisory.names]


def _require_public(node: Node, advisory: Advisory) -> None:
    with node.db.read() as conn:
        for one in advisory.names:
            found = repos.find(conn, one.repo)
            if found is not None and not found[0].public:
                raise NotAllowed(
                    f"{one.repo.path} is not public, and an advisory is for everybody",
                    hint="name what is affected by the SHA-256 of its files, or tell its readers otherwise",
                )


def own_leaves(conn: Connection) -> list[tuple[int | None, AdvisoryLeaf]]:
    """Return this node's leaves about advisories, in their order, those that wait for the log last."""
    rows = [(row.index, parse_leaf(row.leaf)) for row in logged.advisory_leaves(conn)]
    return [(index, leaf) for index, leaf in rows if isinstance(leaf, AdvisoryLeaf)]


def current(rows: Iterable[tuple[int | None, AdvisoryLeaf]]) -> dict[str, tuple[int | None, AdvisoryLeaf]]:
    """Return the newest leaf of each advisory, by id."""
    return {leaf.id: (index, leaf) for index, leaf in rows}


def load(node: Node, payload: Sha256, key: Sha256) -> Advisory | None:
    """Return the advisory in a stored bundle, None if it is not here or cannot be read."""
    with suppress(HanseError):
        return parse_payload(parse_bundle_json(bundles.read(node.store, payload, key)).envelope.payload)
    return None
