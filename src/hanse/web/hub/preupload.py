"""How the files of an upload are to be sent (hub-api.md A.5, step 2)."""

from __future__ import annotations

import binascii
from typing import Annotated, Any

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.content.patterns import MAX_RULES_BYTES
from hanse.errors import BadFormat
from hanse.flows import commits, preupload
from hanse.flows.preupload import Offered, Plan
from hanse.model.repo import parse_path
from hanse.web.hub.bodies import parse, query_flag
from hanse.web.routing import Call, Route

MAX_FILES = 1000
_MAX_SAMPLE = 8192


class _File(msgspec.Struct):
    path: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    sample: Annotated[str, msgspec.Meta(max_length=_MAX_SAMPLE)] = ""


class _Body(msgspec.Struct, rename="camel"):
    files: Annotated[list[_File], msgspec.Meta(max_length=MAX_FILES)]
    git_ignore: Annotated[str, msgspec.Meta(max_length=MAX_RULES_BYTES)] | None = None


def _offered(file: _File) -> Offered:
    try:
        sample = binascii.a2b_base64(file.sample)
    except ValueError as error:
        raise BadFormat(f"the sample of {file.path[:200]!r} is not valid base64") from error
    return Offered(parse_path(file.path), file.size, sample)


def _plan(plan: Plan) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "path": plan.path,
        "uploadMode": "lfs" if plan.lfs else "regular",
        "shouldIgnore": plan.ignore,
    }
    return shown if plan.oid is None else shown | {"oid": plan.oid}


async def post_preupload(call: Call) -> Response:
    """Say for each file how it is to be sent, whether the repository ignores it, and what is at its path now."""
    repo = await call.repo()
    call.require_account()
    target = commits.target_of(call.params["rev"], pull_request=query_flag(call.request.query_params, "create_pr"))
    await call.run(commits.require_target, call.node, call.actor, repo, target)
    body = await parse(call, _Body)
    offered = [_offered(file) for file in body.files]
    plans, rev = await call.run(preupload.plan, call.node, repo, target, offered, body.git_ignore)
    return JSONResponse({"files": [_plan(plan) for plan in plans], "commitOid": rev})


ROUTES = [Route("POST", "/api/{kind}/{repo}/preupload/{rev}", post_preupload)]
