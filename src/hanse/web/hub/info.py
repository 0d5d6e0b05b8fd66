"""One repository: GET /api/{kind}/{repo} and /api/{kind}/{repo}/revision/{rev}."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.flows import browse, index
from hanse.flows.advisories import book as advised
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.web.hub import security
from hanse.web.hub.counting import count_download
from hanse.web.hub.fields import FIELDS, WITH_FILES, Subject, describe
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import expand_of, flag
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route


def _info(
    node: Node, actor: Actor, repo: Repo, rev: str, expand: list[str], *, blobs: bool, with_scans: bool, base: str
) -> tuple[Response, list[str]]:
    """Return the answer and what to warn of."""
    repo = index.up_to_date(node, repo)
    subject = Subject(node, repo, blobs=blobs, base=base)
    if repo.head is not None or rev != "main":
        subject.revision, listing = browse.open_revision(node, actor, repo, rev)
        if not expand or with_scans or WITH_FILES.intersection(expand):
            subject.listing = listing
    found = describe(subject, expand)
    whole = security.whole_findings(node, repo, subject.revision.rev) if subject.revision is not None else None
    if with_scans:
        found["securityRepoStatus"] = security.repo_status(node, repo, subject.listing, whole)
    named = "" if subject.revision is None else advised.warning(node, repo, subject.revision)
    return json_response(found), [named, security.whole_warning(node, repo, whole)]


async def info(call: Call, repo: Repo) -> Response:
    """Answer everything about a repository at a revision (`main` if none is named); `expand` picks fields."""
    expand = expand_of(call, FIELDS[repo.repo.type])
    rev = call.params.get("rev", "main")
    await count_download(call, repo)
    blobs, scans = flag(call, "blobs"), flag(call, "securityStatus")
    run = partial(_info, blobs=blobs, with_scans=scans, base=call.base)
    response, warnings = await call.run(run, call.node, call.actor, repo, rev, expand)
    for warning in warnings:
        call.warn(warning)
    return response


ROUTES = [
    Route("GET", "/api/{kind}/{repo}", with_repo(info)),
    Route("GET", "/api/{kind}/{repo}/revision/{rev}", with_repo(info)),
]
