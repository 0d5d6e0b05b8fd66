"""Pull-through at the web edge: what the Hub routes do not find is asked of the upstream, by the handlers of a gateway."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from starlette.responses import Response

from hanse.clock import rfc3339
from hanse.db.repos import Repo
from hanse.errors import HanseError, NotFoundError, Recalled, RepoNotFound
from hanse.flows.mirror.through import CallersView, Through, as_of
from hanse.web.gateway import paths
from hanse.web.gateway.refusals import is_final, refusal
from hanse.web.gateway.source import Asked
from hanse.web.rawpath import split_raw_path
from hanse.web.routing import Call

PATIENCE = 50.0
"""How long a GET may wait for its first byte, in seconds. Stock clients give up a silent answer earlier and ask again, some
times; all of them wait for the same fetch. Those that wait longer are told how far it is: 503 with Retry-After."""
THREADS = 200
"""Threads in which requests wait for the upstream: a slow one, or many who ask, must not use up those of everything else."""
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("requests that wait for the upstream")


class PullThrough:
    """Answers for an upstream's names."""

    def __init__(self, through: Through) -> None:
        self.through = through

    async def answer(self, call: Call, error: NotFoundError) -> Response | None:
        """Return the upstream's answer to a request whose repository or revision is not here; None if it has none to give.

        Raises what the upstream's answer comes to: HanseError.
        """
        if isinstance(error, Recalled) or "repo" not in call.params:
            return None
        if call.request.method == "POST" and not isinstance(error, RepoNotFound):
            return None  # its body was read
        found, name = paths.find(call.request.method, _segments(call)), call.params["repo"]
        if found is None or not await call.run(self.through.falls, call.origin, found.kind, name):
            return None
        source = CallersView(self.through, call.actor)
        named = (call.request, source, found.kind, name, call.base, found.rev, found.path)
        asked = Asked(*named, patience=PATIENCE, threads=_own_threads())
        try:
            return await found.handler(asked)
        except HanseError as refused:
            if not is_final(refused):
                raise
            return refusal(refused, cached=False)

    async def name_in_full(self, call: Call) -> None:
        """Let a name without a namespace mean what the upstream says that it stands for.

        Raises RepoNotFound if nobody ever said, or if that name is not the upstream's to answer; PeerError.
        """
        wanted = (call.origin, call.kind, call.params["repo"])
        full = await anyio.to_thread.run_sync(self.through.full_name, *wanted, limiter=_own_threads())
        call.params = {**call.params, "repo": full}

    async def mirrored(self, call: Call, repo: Repo) -> None:
        """Have a mirrored name looked at again in the background."""
        await call.run(self.through.refresh, repo, call.params.get("rev", "main"))


def _own_threads() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(THREADS)
        _limiter.set(limiter)
        return limiter


async def warn_of_age(call: Call, repo: Repo) -> None:
    """Let the answer about a mirror say how old it is, if its upstream did not answer when it was asked last."""
    since = await call.run(as_of, call.node, repo)
    if since is not None:
        seen = f"as of {rfc3339(since)}" if since else "as it was found on this machine"
        call.warn(f"stale; {repo.repo.path} is answered {seen}: {repo.repo.origin} could not be asked since")


def short_name(method: str, segments: Sequence[str], *, routed: bool) -> str:
    """Return the repository's name without a namespace that an address has, "" if it has none.

    routed: the address has a meaning if its repository has a namespace, which is preferred unless a gateway knows better.
    """
    found = paths.find(method, segments)
    if found is not None:
        return "" if "/" in found.repo else found.repo
    named = not routed and len(segments) >= 3 and segments[0] == "api" and segments[1] in paths.KINDS
    return segments[2] if named else ""


def _segments(call: Call) -> list[str]:
    raw = call.request.scope.get("raw_path") or call.request.scope["path"].encode("utf-8")
    found = split_raw_path(raw)
    return found[2:] if found[0] == "o" else found
