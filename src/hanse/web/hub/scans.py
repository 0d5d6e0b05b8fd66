"""Reports of the scanner, and waivers, over HTTP (docs/admission.md)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.repos import Repo
from hanse.db.waivers import Waiver
from hanse.errors import BadFormat
from hanse.flows import reports, waivers
from hanse.flows.reports import Report
from hanse.model.digest import parse_sha256
from hanse.model.repo import parse_path
from hanse.web.hub.bodies import Name, Text, parse
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import flag
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

_MAX_ID = 2**53


class _Waive(msgspec.Struct, rename="camel"):
    sha256: Name
    rules: Annotated[list[Name], msgspec.Meta(max_length=50)]
    reason: Text
    ends_at: Annotated[int, msgspec.Meta(ge=0, le=_MAX_ID)]


def _report(report: Report) -> Response:
    found: dict[str, Any] = {
        "sha256": report.sha256,
        "digest": report.digest,
        "action": report.action,
        "evidence": msgspec.Raw(report.evidence),
        "others": msgspec.Raw((report.others or "{}").encode()),
        "waivers": [_waiver(one) for one in report.waivers],
    }
    if report.facts is not None:
        found["facts"] = msgspec.Raw(report.facts)
    return json_response(found, headers={"Cache-Control": "private, no-cache"})


def _waiver(one: Waiver) -> dict[str, Any]:
    return {
        "id": one.id,
        "sha256": one.sha256,
        "rules": list(one.rules),
        "reason": one.reason,
        "author": one.author,
        "operator": one.operator,
        "createdAt": hub_time(one.created_at),
        "endsAt": hub_time(one.ends_at),
    }


async def file_report(call: Call, repo: Repo) -> Response:
    """Answer everything that the scanner found in a file of a revision, as evidence; `facts=1` adds what it rests on."""
    rev, path, facts = call.params["rev"], call.params["path"], flag(call, "facts")
    report = await call.run(reports.of_file, call.node, call.actor, repo, rev, path, facts=facts)
    return _report(report)


async def repository_report(call: Call, repo: Repo) -> Response:
    """Answer what the scanner says about all files of a revision together, as evidence; null until it was judged."""
    report = await call.run(reports.of_repository, call.node, call.actor, repo, call.params["rev"])
    evidence = None if report.evidence is None else msgspec.Raw(report.evidence)
    found = {"rev": report.rev, "digest": report.digest, "evidence": evidence}
    return json_response(found, headers={"Cache-Control": "private, no-cache"})


async def content_report(call: Call) -> Response:
    """Answer the same for a content that the caller uploaded, also if its commit was refused; `path` names it."""
    call.require_account()
    path = parse_path(call.request.query_params.get("path", "file"))
    digest = parse_sha256(call.params["sha256"])
    return _report(await call.run(reports.of_content, call.node, call.actor, digest, path, facts=flag(call, "facts")))


async def list_waivers(call: Call, repo: Repo) -> Response:
    """List the waivers of a repository, the newest first."""
    found = await call.run(waivers.list_waivers, call.node, call.actor, repo)
    return JSONResponse([_waiver(one) for one in found])


async def waive(call: Call) -> Response:
    """Let a content of the repository pass in spite of what these rules say, with a reason and until a time."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Waive)
    digest = parse_sha256(body.sha256)
    made = await call.run(
        waivers.waive, call.node, call.actor, repo, digest, rules=body.rules, reason=body.reason, ends_at=body.ends_at
    )
    return JSONResponse(_waiver(made))


async def withdraw(call: Call) -> Response:
    """Take a waiver back."""
    repo = await call.repo()
    call.require_account()
    number = call.params["number"]
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        raise BadFormat("a waiver is named by its number")
    await call.run(waivers.withdraw, call.node, call.actor, repo, int(number))
    return JSONResponse({"success": True})


ROUTES = [
    Route("GET", "/api/scan/{sha256}", content_report),
    Route("GET", "/api/{kind}/{repo}/scan/{rev}/{path*}", with_repo(file_report)),
    Route("GET", "/api/{kind}/{repo}/scan/{rev}", with_repo(repository_report)),
    Route("GET", "/api/{kind}/{repo}/waivers", with_repo(list_waivers)),
    Route("POST", "/api/{kind}/{repo}/waivers", waive),
    Route("DELETE", "/api/{kind}/{repo}/waivers/{number}", withdraw),
]
