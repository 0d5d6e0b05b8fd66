"""Evaluations that a node is asked to make, and the files behind the records that it logged (docs/evaluations.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.responses import FileResponse, Response

from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.evals.cost import Price, millionths
from hanse.flows import access
from hanse.flows.evaluations import asmember, kept, queue
from hanse.flows.evaluations.kept import Caller, Shown
from hanse.flows.evaluations.queue import Asked
from hanse.model.tier import Tier
from hanse.web.hub.bodies import parse
from hanse.web.hub.moved import with_repo
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

_PRIVATE = {"Cache-Control": "private, no-cache"}
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class _Ask(msgspec.Struct, rename="camel"):
    suite: Annotated[str, msgspec.Meta(max_length=300)]
    max_seconds: Annotated[int, msgspec.Meta(ge=0, le=queue.MAX_SECONDS)] = 0
    max_tokens: Annotated[int, msgspec.Meta(ge=0, le=queue.MAX_TOKENS)] = 0
    max_cost: _Amount = 0.0
    price_per_hour: _Amount = 0.0
    price_per_million: _Amount = 0.0
    table: Tier = Tier.MEMBER
    transcript: Tier = Tier.MEMBER


async def ask(call: Call) -> Response:
    """Queue an evaluation of a revision, for its repository's writers and operators; answers the job that is open for it."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Ask)

    def submit() -> dict[str, Any]:
        account = queue.require_may_ask(call.actor, repo)
        price = Price(millionths(body.price_per_hour, "a price"), millionths(body.price_per_million, "a price"))
        seconds, cost = queue.bounded(call.node, body.max_seconds), millionths(body.max_cost, "a bound of cost")
        asked = Asked(seconds, body.max_tokens, cost, price, Shown(body.table, body.transcript, account))
        job = queue.submit(call.node, repo, call.params["rev"], body.suite, asked)
        return queue.to_json(job, repo, operator=call.actor.admin)

    return json_response(await call.run(submit), headers=_PRIVATE)


def _number(call: Call) -> int:
    text = call.params["number"]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadFormat("a job is named by its number")
    return int(text)


async def list_jobs(call: Call) -> Response:
    """List the newest evaluations that the caller asked for; to an operator, all."""
    actor = call.require_account()
    return json_response(await call.run(queue.listed, call.node, actor), headers=_PRIVATE)


async def show_job(call: Call) -> Response:
    """Answer how far an evaluation is, to whoever asked for it, the repository's writers and operators."""
    call.require_account()
    job, repo = await call.run(queue.seen, call.node, call.actor, _number(call))
    return json_response(queue.to_json(job, repo, operator=call.actor.admin), headers=_PRIVATE)


async def cancel_job(call: Call) -> Response:
    """Call an evaluation off; its worker stops within a quarter of a minute."""
    call.require_account()
    await call.run(queue.call_off, call.node, call.actor, _number(call))
    return json_response({"success": True})


async def list_files(call: Call, repo: Repo) -> Response:
    """List the files that the node keeps of a record about a revision, with who may fetch each."""

    def look() -> dict[str, str]:
        revision = access.resolve_revision(call.node, repo, call.params["rev"])
        return {name: tier.value for name, tier in kept.find(call.node, revision.rev, call.params["record"]).files.items()}

    return json_response(await call.run(look), headers=_PRIVATE)


async def get_file(call: Call, repo: Repo) -> Response:
    """Answer a file of a record, if the caller may fetch it."""
    return await _answer(call, repo, None)


async def get_file_as_member(call: Call) -> Response:
    """Answer a file of a record to a member of the federation, whose signed request is the body."""
    repo = await call.repo()
    return await _answer(call, repo, await call.body(asmember.MAX_REQUEST_BYTES))


async def _answer(call: Call, repo: Repo, request: bytes | None) -> Response:
    record, file = call.params["record"], call.params["file"]

    def look() -> Path:
        revision = access.resolve_revision(call.node, repo, call.params["rev"])
        member = None if request is None else asmember.check_request(call.node, request, record, file)
        return kept.fetch(call.node, Caller(call.actor, member), repo, revision.rev, (record, file))

    path = await call.run(look)
    return FileResponse(path, media_type="application/octet-stream", filename=file, headers=_PRIVATE)


ROUTES = [
    Route("POST", "/api/{kind}/{repo}/evaluations/{rev}", ask),
    Route("GET", "/v1/evaluation-jobs", list_jobs),
    Route("GET", "/v1/evaluation-jobs/{number}", show_job),
    Route("DELETE", "/v1/evaluation-jobs/{number}", cancel_job),
    Route("GET", "/api/{kind}/{repo}/evaluations/{rev}/{record}", with_repo(list_files)),
    Route("GET", "/api/{kind}/{repo}/evaluations/{rev}/{record}/{file}", with_repo(get_file)),
    Route("POST", "/api/{kind}/{repo}/evaluations/{rev}/{record}/{file}", get_file_as_member),
]
