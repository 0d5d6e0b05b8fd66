"""Headers of a sharded model in one answer: GET /api/models/{repo}/safetensors-metadata/{index file} (hub-api.md A.9)."""

from __future__ import annotations

from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.flows import access, browse, index
from hanse.flows.admission import require_file
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.web.hub.moved import with_repo
from hanse.web.hub.shapes import json_response
from hanse.web.hub.tree import missing
from hanse.web.routing import Call, Route

DEFAULT = "model.safetensors.index.json"


def _metadata(node: Node, actor: Actor, repo: Repo, path: str, rev: str) -> Response:
    # Headers are content: they hold tensor names and free metadata, so the rules for bytes apply.
    access.require_read_bytes(node, actor, repo)
    revision, listing = browse.open_revision(node, actor, repo, rev)
    entry = listing.directory.file(path)
    if entry is None:
        raise missing(path, revision.rev)
    require_file(node, actor, repo, entry)
    found, headers = index.sharded_headers(node, listing, path, lambda shard: require_file(node, actor, repo, shard))
    return json_response({"index": found, "headers": headers}, headers={"X-Repo-Commit": revision.rev})


async def metadata(call: Call, repo: Repo) -> Response:
    """Answer the index (without its weight map) and the header of every shard."""
    path = call.params.get("path", DEFAULT)
    rev = call.request.query_params.get("revision", "main")
    return await call.run(_metadata, call.node, call.actor, repo, path, rev)


ROUTES = [
    Route("GET", "/api/models/{repo}/safetensors-metadata", with_repo(metadata)),
    Route("GET", "/api/models/{repo}/safetensors-metadata/{path*}", with_repo(metadata)),
]
