"""Commits over HTTP (hub-api.md A.5, step 4): the NDJSON body is parsed in a worker thread while it arrives."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from hanse.flows import commits
from hanse.web.hub.bodies import query_flag, repo_url
from hanse.web.routing import Call, Route
from hanse.web.upload import take_body


async def post_commit(call: Call) -> Response:
    """Commit to a branch or a pull request; with `create_pr=1` open a pull request for the branch and commit to that."""
    repo = await call.repo()
    call.require_account()
    target = commits.target_of(call.params["rev"], pull_request=query_flag(call.request.query_params, "create_pr"))
    await call.run(commits.require_target, call.node, call.actor, repo, target)
    incoming = commits.Incoming(call.node, call.actor, repo)
    await take_body(call.request, call.node.limits.max_commit_bytes, incoming.feed)
    request = await call.run(incoming.finish)
    done = await call.run(commits.commit, call.node, call.actor, repo, target, request)
    url = repo_url(call, repo)
    reply = {
        "success": True,
        "commitOid": done.published.rev,
        "commitUrl": f"{url}/commit/{done.published.rev}",
        "hookOutput": "",
    }
    if done.pull is not None:
        reply["pullRequestUrl"] = f"{url}/discussions/{done.pull}"
    return JSONResponse(reply)


ROUTES = [Route("POST", "/api/{kind}/{repo}/commit/{rev}", post_commit)]
