"""Transfer statistics that Xet clients post to the origin's root: accepted, because refusing delays them, and not kept."""

from __future__ import annotations

from starlette.responses import Response

from hanse.web.cas.common import PREFIX, json_response
from hanse.web.routing import Call, Route

_MAX_BYTES = 1024 * 1024


async def telemetry(call: Call) -> Response:
    """Read the body away and answer 200; raises TooLarge."""
    await call.body(_MAX_BYTES)
    return json_response({})


ROUTES = [
    Route("POST", "/v1/telemetry", telemetry, auth=False),
    Route("POST", f"{PREFIX}/v1/telemetry", telemetry, auth=False),
]
