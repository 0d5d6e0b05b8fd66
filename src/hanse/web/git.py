"""What `git clone` and `git push` are told: git's protocol is not spoken here, and which command does the same.

git shows its user the body of a refusal that is plain text, takes every 404 for a repository that does not exist, and asks for
a password where it is told 401. The answer depends on the address alone, so that it tells nobody which repositories are here.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hanse.errors import BadRepoId, InputError
from hanse.model.repo import parse_name
from hanse.web.errors import error_response
from hanse.web.routing import Call, Route


def git_response(request: Request, segments: Sequence[str], endpoint: str = "") -> Response:
    """Return what git is told that asks about the repository at `segments`; endpoint: the address to set first, if any."""
    push = request.query_params.get("service") == "git-receive-pack"
    dataset = segments[:1] == ["datasets"]
    command = f"hf {'upload' if push else 'download'} {_name(segments[1:] if dataset else segments)}"
    command = f"{f'HF_ENDPOINT={endpoint} ' if endpoint else ''}{command}{' --repo-type dataset' if dataset else ''}"
    error = InputError("git cannot read or write repositories here", hint=f"run: {command}")
    told = error_response(error, anonymous=True)
    headers = {name: told.headers[name] for name in ("X-Error-Code", "X-Error-Message")}
    return PlainTextResponse(f"{error.message}; instead\n{error.hint}\n", told.status_code, headers)


def _name(segments: Sequence[str]) -> str:
    """Return a repository's name as it was asked for: git prints on a terminal, so nothing else of the address comes back."""
    try:
        return "/".join(parse_name(one) for one in [*segments[:-1], segments[-1].removesuffix(".git")])
    except (BadRepoId, IndexError):
        return "ORG/NAME"


async def git(call: Call) -> Response:
    """Tell git that its protocol is not spoken here, and its user which command does the same."""
    kind = ["datasets"] if call.params.get("kind") == "datasets" else []
    return git_response(call.request, [*kind, *call.params["repo"].split("/")], call.base)


ROUTES = [Route("GET", f"{prefix}/{{repo}}/info/refs", git, auth=False) for prefix in ("/datasets", "")]
