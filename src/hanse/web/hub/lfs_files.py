"""Large files of a repository over HTTP: listing, deletion from history, copies for other repositories (hub-api.md A.3)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.repos import Repo
from hanse.errors import InputError
from hanse.flows import access, commits, lfs_files, rewrite
from hanse.flows.lfs_files import Copy, LargeFile
from hanse.model.digest import parse_sha256, parse_xet
from hanse.model.repo import parse_repo_id
from hanse.web.hub.bodies import Name, next_page, parse, query_number, repo_type
from hanse.web.hub.moved import with_repo
from hanse.web.routing import Call, Route

_PAGE = 1000
_MAX_ID = 2**62


class _Deletions(msgspec.Struct, rename="camel"):
    sha: Annotated[list[Name], msgspec.Meta(max_length=1000)]
    rewrite_history: bool = True


class _Batch(msgspec.Struct):
    deletions: _Deletions


class _Target(msgspec.Struct):
    name: Name
    type: Name = "model"


class _File(msgspec.Struct, rename="camel"):
    sha256: Name
    xet_hash: Name
    filename: str = ""


class _Copies(msgspec.Struct):
    target: _Target
    files: Annotated[list[_File], msgspec.Meta(max_length=1000)]


def _file(found: LargeFile) -> dict[str, Any]:
    held = found.held
    return {
        "fileOid": held.sha256,
        "filename": found.name,
        "oid": held.sha256,
        "pushedAt": hub_time(held.added_at),
        "ref": found.ref,
        "size": held.size,
    }


async def list_files(call: Call, repo: Repo) -> Response:
    """List the large files that any revision names."""
    after = query_number(call.request.query_params, "after", 0, _MAX_ID)
    found = await call.run(lfs_files.list_large_files, call.node, call.actor, repo, after=after, limit=_PAGE + 1)
    headers = next_page(call, after=found[_PAGE - 1].held.id) if len(found) > _PAGE else {}
    return JSONResponse([_file(one) for one in found[:_PAGE]], headers=headers)


async def delete_files(call: Call) -> Response:
    """Take large files out of the repository and its whole history."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Batch)
    if not body.deletions.rewrite_history:
        raise InputError(
            "files are only removed together with the commits that name them",
            hint="pass rewrite_history=True; revisions without their files could not be verified any more",
        )
    digests = [parse_sha256(one) for one in body.deletions.sha]
    await call.run(rewrite.remove_files, call.node, call.actor, repo, digests)
    await call.run(commits.describe, call.node, repo)
    return JSONResponse({"success": True})


async def copy_files(call: Call) -> Response:
    """Let another repository name large files of this one."""
    source = await call.repo()
    call.require_account()
    body = await parse(call, _Copies)
    named = parse_repo_id(call.origin, repo_type(body.target.type), body.target.name)
    target = await call.run(access.resolve, call.node, call.actor, named)
    copies = [Copy(parse_sha256(one.sha256), parse_xet(one.xet_hash)) for one in body.files]
    failed = await call.run(lfs_files.copy_files, call.node, call.actor, source, target, copies)
    return JSONResponse({"failed": [{"sha256": digest, "error": reason} for digest, reason in failed]})


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/lfs-files", with_repo(list_files)),
    Route("POST", "/api/{kind}/{repo}/lfs-files/batch", delete_files),
    Route("POST", "/api/{kind}/{repo}/lfs-files/duplicate", copy_files),
]
