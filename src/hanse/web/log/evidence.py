"""What can be said for a revision, and where its bytes are: evidence, citation, notices, finding (docs/evidence.md)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from hanse.clock import rfc3339
from hanse.db import notices
from hanse.db.notices import Noticed
from hanse.db.repos import Repo
from hanse.errors import InputError
from hanse.flows import access, browse, citation, evidence
from hanse.flows.find import Findings, Held, Member, Sighting
from hanse.flows.find import find as find_bytes
from hanse.flows.node import Node
from hanse.model.evidence import GATED
from hanse.web.errors import header_text
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import values
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

MAX_DIGITS = 16
_PRIVATE = {"Cache-Control": "private, no-cache"}


def _sighting(one: Sighting) -> dict[str, Any]:
    return {
        "rev": one.rev,
        "tree": one.tree,
        "refs": list(one.refs),
        "paths": list(one.paths),
        "state": one.state,
        "since": rfc3339(one.since),
        "index": one.index,
    }


def _held(one: Held) -> dict[str, Any]:
    named = {"origin": one.repo.origin, "type": one.repo.type.value, "repo": one.repo.path, "since": rfc3339(one.since)}
    return named | {"revisions": [_sighting(row) for row in one.sightings]}


def _member(one: Member) -> dict[str, Any]:
    names = [{"origin": origin, "type": kind, "repo": repo} for origin, kind, repo in one.names]
    return {"origin": one.origin, "since": rfc3339(one.since), "names": names}


def _findings(found: Findings) -> dict[str, Any]:
    return {
        "digest": found.digest,
        "kinds": list(found.kinds),
        "held": [_held(one) for one in found.held],
        "members": [_member(one) for one in found.members],
        "complete": found.complete,
    }


def _file(data: bytes, rev: str) -> Response:
    headers = {"X-Repo-Commit": rev, "Content-Disposition": f'attachment; filename="{rev}.hanse.jsonl"', **_PRIVATE}
    return Response(data, media_type="application/x-ndjson", headers=headers)


def _seen(text: str) -> tuple[str, int]:
    origin, _, size = text.rpartition(":")
    if not size.isascii() or not size.isdigit() or len(size) > MAX_DIGITS:
        raise InputError(f"seen must be ORIGIN:LEAVES, got {text[:80]!r}")
    return origin, int(size)


async def revision_evidence(call: Call, repo: Repo) -> Response:
    """Answer the evidence file of a revision: who signed it, and proofs that this is logged and how the log goes on.

    That the node gives the revision to the caller no more is said in `X-Hanse-Recalled`: what was signed stays signed. That it
    gives the files of the repository only to those whom its owners let in is said in `X-Hanse-Gated`.
    `seen`: how many leaves of logs the caller saw before, as `ORIGIN:LEAVES`.
    """
    seen = dict(map(_seen, values(call, "seen")))
    rev, data = await call.run(evidence.of_revision, call.node, repo, call.params["rev"], seen)
    response, recalled = _file(data, rev), await call.run(browse.recalled, call.node, call.actor, repo, rev)
    if recalled:
        response.headers["X-Hanse-Recalled"] = header_text(recalled)
    if repo.gated:
        response.headers[GATED] = repo.gated
    return response


async def tree_evidence(call: Call) -> Response:
    """Answer the evidence about all revisions with these files (`tree`) that the caller may see."""
    tree = call.params["tree"]
    return _file(await call.run(evidence.of_tree, call.node, call.actor, tree), tree)


async def find(call: Call) -> Response:
    """Answer which repositories that the caller may see hold what has this SHA-256, Xet hash, tree or commit id."""
    found = await call.run(find_bytes, call.node, call.actor, call.params["digest"])
    return json_response(_findings(found), headers=_PRIVATE)


async def cite(call: Call, repo: Repo) -> Response:
    """Answer how to cite a revision: BibTeX, CITATION.cff, Software Heritage identifiers, tree and place in the log."""
    found = await call.run(citation.cite, call.node, repo, call.params["rev"], call.base)
    return json_response(found.as_json(), headers=_PRIVATE)


def _noticed(node: Node, repo: Repo, rev: str | None) -> list[Noticed]:
    named = None if rev is None else access.resolve_revision(node, repo, rev).rev
    with node.db.read() as conn:
        return notices.of_repo(conn, repo.id, named)


async def list_notices(call: Call, repo: Repo) -> Response:
    """List what is worth a second look in the repository's settled revisions (`rev`: in one of them), newest first."""
    found = await call.run(_noticed, call.node, repo, call.request.query_params.get("rev"))
    rows = [{"rev": one.rev, "kind": one.kind, "says": one.says, "at": rfc3339(one.created_at)} for one in found]
    return json_response(rows, headers=_PRIVATE)


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/evidence/{rev}", with_repo(revision_evidence)),
    Route("GET", "/v1/evidence/tree/{tree}", tree_evidence),
    Route("GET", "/api/{kind}/{repo}/cite/{rev}", with_repo(cite)),
    Route("GET", "/api/{kind}/{repo}/notices", with_repo(list_notices)),
    Route("GET", "/v1/find/{digest}", find),
]
