"""Publishers who hold their own key: what there is to sign, attaching what they signed, and who answers for a namespace."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from hanse.clock import rfc3339
from hanse.db import attestations, leaves, logkeys
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat
from hanse.flows import access, attach, ownerkeys
from hanse.flows.attach import Signable
from hanse.flows.node import Node
from hanse.flows.ownerkeys import Voucher
from hanse.model.digest import parse_sha256
from hanse.model.key_leaf import KeyUse
from hanse.model.publickey import MAX_KEY_BYTES, PublicKey
from hanse.model.repo import parse_name
from hanse.web.hub.bodies import parse
from hanse.web.hub.moved import with_repo
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

MAX_ATTACHED_BYTES = 64 * 1024 * 1024
_MAX_LINES = attach.MAX_BUNDLES + 1
_PRIVATE = {"Cache-Control": "private, no-cache"}
_Base64 = Annotated[str, msgspec.Meta(max_length=2 * MAX_KEY_BYTES)]


class _Handover(msgspec.Struct):
    time: Annotated[int, msgspec.Meta(ge=0, le=2**40)]
    by: Annotated[str, msgspec.Meta(max_length=64)]
    sig: _Base64


class _Register(msgspec.Struct):
    spki: _Base64
    handover: _Handover | None = None


def _signable(node: Node, repo: Repo, found: Signable) -> dict[str, Any]:
    entries = node.listings.get(node.store, found.revision.object).directory.entries()
    own = repo.repo
    return {
        "origin": own.origin,
        "type": own.type.value,
        "repo": own.path,
        "rev": found.revision.rev,
        "tree": found.revision.tree,
        "public": repo.public,
        "positions": [{"ref": ref, "seq": seq} for ref, seq in found.positions],
        "owners": [key.fingerprint for key in attach.owner_keys(node, own.namespace)],
        "files": [{"path": one.path, "size": one.size, "sha256": one.sha256, "xet": one.xet} for one in entries],
    }


async def manifest(call: Call, repo: Repo) -> Response:
    """Answer what there is to sign about a revision: its files by every digest, and the positions of refs; for its writers."""
    call.require_account()

    def look() -> dict[str, Any]:
        found = attach.signable(call.node, call.actor, repo, call.params["rev"])
        return _signable(call.node, repo, found)

    return json_response(await call.run(look), headers=_PRIVATE)


async def attach_bundles(call: Call) -> Response:
    """Attach bundles (JSON lines) that the owner of the namespace signed to a revision; answers when they are logged."""
    repo = await call.repo()
    call.require_account()
    access.require_write(call.actor, repo)
    body = await call.body(MAX_ATTACHED_BYTES)
    lines = [line for line in body.split(b"\n", _MAX_LINES) if line.strip()]
    if not lines:
        raise BadFormat("the body holds no bundle", hint="send one bundle a line, as hanse sign writes them")
    done = await call.run(attach.attach, call.node, call.actor, repo, call.params["rev"], lines)
    rows = [{"predicate": one.predicate, "payload": one.payload, "key": one.key, "index": one.index} for one in done]
    return json_response(rows)


def _said(node: Node, repo: Repo, rev: str) -> list[dict[str, Any]]:
    revision: Revision = access.resolve_revision(node, repo, rev)
    with node.db.read() as conn:
        rows = [(row, leaves.get(conn, row.leaf_id)) for row in attestations.of_revision(conn, repo.id, revision.rev)]
    return [
        {
            "rev": row.rev,
            "tree": row.tree,
            "predicate": row.predicate,
            "payload": row.payload,
            "key": row.key,
            "index": None if leaf is None else leaf.index,
            "at": rfc3339(row.created_at),
        }
        for row, leaf in rows
    ]


async def list_attestations(call: Call, repo: Repo) -> Response:
    """List the statements about a revision: kind, signer, payload digest, place in the log (null until it is logged)."""
    return json_response(await call.run(_said, call.node, repo, call.params["rev"]), headers=_PRIVATE)


def _keys(node: Node, namespace: str) -> list[dict[str, Any]]:
    with node.db.read() as conn:
        rows = logkeys.of_use(conn, KeyUse.NAMESPACE.value, namespace)
    names = ("key", "spki", "holder", "state")
    return [{name: getattr(row, name) for name in names} | {"since": rfc3339(row.since)} for row in rows]


async def list_keys(call: Call) -> Response:
    """List the keys that answer or answered for a namespace, as the log has them: the operator's or its owner's."""
    name = parse_name(call.params["namespace"], "namespace").lower()
    return json_response(await call.run(_keys, call.node, name))


async def register_key(call: Call) -> Response:
    """Let a key of the owner's answer for a namespace; a later one needs the signature of the present one."""
    call.require_account()
    body = await parse(call, _Register)
    given, new = body.handover, PublicKey.from_text(body.spki)
    voucher = None if given is None else Voucher(given.time, parse_sha256(given.by), given.sig)
    await call.run(ownerkeys.register_owner, call.node, call.actor, call.params["namespace"], new, voucher)
    return json_response({"key": new.fingerprint})


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/manifest/{rev}", with_repo(manifest)),
    Route("GET", "/api/{kind}/{repo}/attestations/{rev}", with_repo(list_attestations)),
    Route("POST", "/api/{kind}/{repo}/attestations/{rev}", attach_bundles),
    Route("GET", "/v1/namespaces/{namespace}/keys", list_keys),
    Route("POST", "/v1/namespaces/{namespace}/keys", register_key),
]
