"""The page that tells how the node and its federations stand."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from hanse.flows.status.gather import node_status
from hanse.web.log.status import preset
from hanse.web.pages.render import page, shown
from hanse.web.routing import Call, Route

_REPOS = 200


async def status(call: Call) -> Response:
    """Show members, copies, alarms, and what it would take to derail them."""
    found = await call.run(partial(node_status, call.node, preset=preset(call), limit=_REPOS))
    return page(call, "status.html", node=found)


ROUTES = [Route("GET", "/status", shown(status))]
