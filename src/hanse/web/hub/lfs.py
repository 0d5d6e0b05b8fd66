"""Git LFS over HTTP: batch, basic and multipart upload, verify, download (hub-api.md A.5, step 3b).

Bodies are taken in large pieces in worker threads, and the next piece is asked for only when the last one was written, so that
a fast sender fills no memory.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.flows import lfs
from hanse.flows.admission import withheld_contents
from hanse.flows.lfs import Answer, Wanted
from hanse.flows.read import open_file
from hanse.flows.sessions import grant
from hanse.flows.tokens import check_signed, sign
from hanse.model.digest import parse_sha256
from hanse.web.blob_response import BlobResponse
from hanse.web.cas.common import cas_url
from hanse.web.hub.bodies import Name, parse
from hanse.web.routing import Call, Route
from hanse.web.upload import content_length, take_body

MEDIA_TYPE = "application/vnd.git-lfs+json"
MAX_OBJECTS = 1000
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class _Object(msgspec.Struct):
    oid: Name
    size: _Size


class _Batch(msgspec.Struct):
    operation: Name
    objects: Annotated[list[_Object], msgspec.Meta(max_length=MAX_OBJECTS)]
    transfers: Annotated[list[Name], msgspec.Meta(max_length=20)] = []
    hash_algo: Name = "sha256"


class _Part(msgspec.Struct, rename="camel"):
    part_number: _Size
    etag: Name


class _Completion(msgspec.Struct):
    oid: Name
    parts: Annotated[list[_Part], msgspec.Meta(max_length=lfs.MAX_PARTS)]


def _json(value: dict[str, Any]) -> Response:
    return JSONResponse(value, media_type=MEDIA_TYPE)


def _plain(call: Call) -> Call:
    """Return the call with the repository's name without the `.git` that LFS addresses add."""
    name = call.params["repo"]
    if not name.endswith(".git"):
        raise BadFormat("LFS addresses name the repository with .git at its end")
    return replace(call, params={**call.params, "repo": name.removesuffix(".git")})


async def batch(call: Call) -> Response:
    """Say for each object whether it is here already, and where to send it or get it."""
    plain = _plain(call)
    repo = await plain.repo()
    body = await parse(call, _Batch)
    if body.hash_algo not in ("sha256", "sha_256"):  # the second is what npm's client says
        raise BadFormat(f"objects are named by SHA-256 here, not by {body.hash_algo[:40]}")
    if body.operation == "download":
        return await _downloads(plain, body)
    if body.operation != "upload":
        raise BadFormat(f"unknown operation {body.operation[:40]!r}; known are upload and download")
    call.require_account()
    wanted = [Wanted(parse_sha256(one.oid), one.size) for one in body.objects]
    xet = "xet" in body.transfers  # only clients that can send Xet offer it
    multipart = "multipart" in body.transfers and not xet
    answers = await call.run(lfs.plan_uploads, call.node, call.actor, repo, wanted, multipart=multipart)
    transfer = "xet" if xet else "multipart" if any(one.upload for one in answers) else "basic"
    action = await _xet_action(plain, repo) if xet else None
    return _json({"transfer": transfer, "objects": [_upload(plain, repo.id, one, action) for one in answers]})


async def _xet_action(call: Call, repo: Repo) -> dict[str, Any]:
    """Return the upload action of Xet: a write token at once (npm's client), and where to get further ones."""
    proposal = not call.actor.may_write(repo.people)
    text, expires = await call.run(grant, call.node, call.actor, repo, write=True, pull_request=proposal)
    header = {
        "X-Xet-Cas-Url": cas_url(call),
        "X-Xet-Access-Token": text,
        "X-Xet-Token-Expiration": str(expires),
        "X-Xet-Session-Id": secrets.token_hex(16),
    }
    return {"href": f"{call.base}/api/{call.kind.plural}/{call.params['repo']}/xet-write-token/main", "header": header}


def _upload(call: Call, repo_id: int, answer: Answer, xet: dict[str, Any] | None) -> dict[str, Any]:
    wanted = answer.wanted
    shown: dict[str, Any] = {"oid": wanted.sha256, "size": wanted.size}
    if answer.error:
        return shown | {"error": {"code": 422, "message": answer.error}}
    if answer.present:
        return shown
    if xet is not None:
        return shown | {"authenticated": True, "actions": {"upload": xet}}
    if answer.upload is None:
        name = f"{repo_id}/{lfs.holder_of(call.actor)}/{wanted.sha256}/{wanted.size}"
        upload = {"href": f"{call.base}/api/lfs/objects/{name}?{sign(call.node, 'lfs-put', name, [])}", "header": {}}
    else:
        upload = _multipart(call, answer)
    verify = {"href": f"{call.base}/api/{call.kind.plural}/{call.params['repo']}/lfs-verify", "header": {}}
    return shown | {"authenticated": True, "actions": {"upload": upload, "verify": verify}}


def _multipart(call: Call, answer: Answer) -> dict[str, Any]:
    upload = answer.upload
    assert upload is not None
    holder = lfs.holder_of(call.actor)
    header = {"chunk_size": str(upload.part_size)}
    for number in range(1, upload.parts + 1):
        name = f"{upload.id}/{holder}/{number}"
        query = sign(call.node, "lfs-part", name, [], expires=upload.expires_at)
        header[f"{number:05d}"] = f"{call.base}/api/lfs/parts/{name}?{query}"
    name = f"{upload.id}/{holder}"
    query = sign(call.node, "lfs-complete", name, [], expires=upload.expires_at)
    return {"href": f"{call.base}/api/lfs/complete/{name}?{query}", "header": header}


async def _downloads(call: Call, body: _Batch) -> Response:
    repo = await call.repo()
    wanted = [Wanted(parse_sha256(one.oid), one.size) for one in body.objects]
    found = await call.run(lfs.downloadable, call.node, call.actor, repo, [one.sha256 for one in wanted])
    objects: list[dict[str, Any]] = []
    withheld = await call.run(withheld_contents, call.node, call.actor, repo, list(found.values()))
    for one in wanted:
        row = found.get(one.sha256)
        shown: dict[str, Any] = {"oid": one.sha256, "size": one.size}
        if one.sha256 in withheld:
            objects.append(shown | {"error": {"code": 403, "message": str(withheld[one.sha256])}})
            continue
        if row is None or row.size != one.size:
            objects.append(shown | {"error": {"code": 404, "message": "Object does not exist"}})
            continue
        name = f"{repo.id}/{lfs.holder_of(call.actor)}/{row.sha256}/{row.size}"
        query = sign(call.node, "lfs-get", name, [(0, max(row.size - 1, 0))])
        action = {"download": {"href": f"{call.base}/api/lfs/objects/{name}?{query}", "header": {}}}
        objects.append(shown | {"authenticated": True, "actions": action})
    return _json({"transfer": "basic", "objects": objects})


def _signed_object(call: Call, kind: str) -> tuple[int, str, Wanted]:
    """Return repository, holder and object of a signed address; raises NotAllowed if it is forged, foreign or expired."""
    params = call.params
    name = "/".join(params[key] for key in ("id", "holder", "oid", "size"))
    check_signed(call.node, kind, name, call.request.query_params)
    return int(params["id"]), params["holder"], Wanted(parse_sha256(params["oid"]), int(params["size"]))


async def put_object(call: Call) -> Response:
    """Take in a whole file; 422, and nothing kept, if it does not have the digest that the address names."""
    repo_id, holder, wanted = _signed_object(call, "lfs-put")
    length = content_length(call.request)
    with await call.run(lfs.open_ingest, call.node, repo_id, holder, wanted, length) as ingest:
        await take_body(call.request, wanted.size, ingest.feed)
        await call.run(ingest.finish)
    return Response(status_code=200, headers={"ETag": f'"{wanted.sha256}"'})


async def put_part(call: Call) -> Response:
    """Take in one part of a file."""
    upload_id, holder, number = (call.params[key] for key in ("id", "holder", "number"))
    check_signed(call.node, "lfs-part", f"{upload_id}/{holder}/{number}", call.request.query_params)
    with await call.run(lfs.PartWriter, call.node, upload_id, holder, int(number)) as writer:
        await take_body(call.request, writer.length, writer.feed)
        tag = await call.run(writer.finish)
    return Response(status_code=200, headers={"ETag": f'"{tag}"'})


async def complete(call: Call) -> Response:
    """Put the parts of a file together."""
    upload_id, holder = call.params["id"], call.params["holder"]
    check_signed(call.node, "lfs-complete", f"{upload_id}/{holder}", call.request.query_params)
    body = await parse(call, _Completion)
    parts = [(one.part_number, one.etag) for one in body.parts]
    await call.run(lfs.complete, call.node, upload_id, holder, body.oid, parts)
    return _json({"success": True})


async def verify(call: Call) -> Response:
    """Answer 200 if the file came in whole."""
    repo = await call.repo()
    call.require_account()
    await call.run(lfs.require_upload, call.node, call.actor, repo)
    body = await parse(call, _Object)
    await call.run(lfs.verify, call.node, repo, Wanted(parse_sha256(body.oid), body.size))
    return _json({"success": True})


async def get_object(call: Call) -> Response:
    """Send a file that a batch answer promised, if the caller it was made for may still read it."""
    repo_id, holder, wanted = _signed_object(call, "lfs-get")
    actor, repo = await call.run(lfs.resume, call.node, repo_id, holder, "read")
    found = await call.run(lfs.require_download, call.node, actor, repo, wanted)
    return BlobResponse(call.request, await call.run(open_file, call.node, found), etag=found.sha256)


ROUTES = [
    Route("POST", "/{kind}/{repo}/info/lfs/objects/batch", batch, basic=True),
    Route("POST", "/{repo}/info/lfs/objects/batch", batch, basic=True),
    Route("POST", "/api/{kind}/{repo}/lfs-verify", verify, basic=True),
    Route("PUT", "/api/lfs/objects/{id}/{holder}/{oid}/{size}", put_object, auth=False),
    Route("GET", "/api/lfs/objects/{id}/{holder}/{oid}/{size}", get_object, auth=False),
    Route("PUT", "/api/lfs/parts/{id}/{holder}/{number}", put_part, auth=False),
    Route("POST", "/api/lfs/complete/{id}/{holder}", complete, auth=False),
]
