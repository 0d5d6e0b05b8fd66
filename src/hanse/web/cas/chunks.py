"""Global deduplication queries (hub-api.md B.8)."""

from __future__ import annotations

from starlette.responses import Response

from hanse.flows.dedup import answer
from hanse.web.cas.common import routes, session, xet_param
from hanse.web.routing import Call


async def chunk(call: Call) -> Response:
    """Answer the shard that tells where a chunk is stored; 404 for one that is nowhere the caller may refer to."""
    opened = await session(call, write=True)
    data = await call.run(answer, call.node, opened.actor, opened.repo, xet_param(call))
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


ROUTES = [*routes("GET", "/chunks/{prefix}/{hash}", chunk, "v1", ""), *routes("GET", "/chunk/{prefix}/{hash}", chunk, "")]
