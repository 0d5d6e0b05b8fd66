"""Addresses of the Hub API that a gateway answers, found in decoded path segments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from hanse.model.repo import RepoType
from hanse.web.gateway import info, resolve, tree
from hanse.web.gateway.source import Asked

Handler = Callable[[Asked], Awaitable[Response]]
KINDS: Mapping[str, RepoType] = {kind.plural: kind for kind in RepoType}


@dataclass(frozen=True, slots=True)
class Found:
    """A handler and what the address says."""

    handler: Handler
    kind: RepoType
    repo: str
    rev: str = "main"
    path: str = ""


_VERBS: Mapping[tuple[str, str], tuple[Handler, int, bool]] = {
    ("GET", "revision"): (info.info, 1, False),
    ("GET", "tree"): (tree.tree, 1, True),
    ("POST", "paths-info"): (tree.paths_info, 1, False),
    ("GET", "refs"): (info.refs, 0, False),
    ("GET", "commits"): (info.commits, 1, False),
    ("GET", "auth-check"): (info.auth_check, 0, False),
}
"""By method and word: handler, segments that follow (the revision), whether a path inside the repository may follow, too."""
_WORDS = frozenset(word for _, word in _VERBS)


def find(method: str, segments: Sequence[str]) -> Found | None:
    """Return what an address asks for, None if a gateway does not answer it.

    A repository without a namespace (`gpt2`) is one segment; `a/b` wins where both readings are possible.
    """
    method = "GET" if method == "HEAD" else method
    if len(segments) >= 3 and segments[0] == "api" and segments[1] in KINDS:
        kind, rest = KINDS[segments[1]], segments[2:]
        if len(rest) >= 2 and not (rest[1] in _WORDS and len(rest) == 2):
            found = _api(method, kind, f"{rest[0]}/{rest[1]}", rest[2:])
            if found is not None:
                return found
        return _api(method, kind, rest[0], rest[1:])
    kind = RepoType.DATASET if segments[0] == "datasets" else RepoType.MODEL
    rest = segments[1:] if kind is RepoType.DATASET else segments
    if method != "GET" or segments[0] in ("api", "spaces", "buckets", "kernels"):
        return None
    for length in (2, 1):
        if len(rest) >= length + 3 and rest[length] == "resolve" and all(rest[: length + 2]):
            name, rev, path = "/".join(rest[:length]), rest[length + 1], "/".join(rest[length + 2 :])
            return Found(resolve.resolve, kind, name, rev, path)
    return None


def _api(method: str, kind: RepoType, repo: str, rest: Sequence[str]) -> Found | None:
    if not rest:
        return Found(info.info, kind, repo) if method == "GET" and repo else None
    known = _VERBS.get((method, rest[0]))
    if known is None:
        return None
    handler, count, more = known
    given, path = rest[1 : 1 + count], "/".join(rest[1 + count :])
    if len(given) < count or (path and not more):
        return None
    return Found(handler, kind, repo, given[0] if given else "main", path)
