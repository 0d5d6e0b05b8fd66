"""A Hub-shaped origin: what it says of repositories, revisions and files. Claims, bounded and well formed, and nothing more.

`huggingface.co`, another node, a proxy: whoever answers the routes of hub-api.md A.3 and A.4. Answers are decoded into exactly
the fields that are used, pages follow one another on the same server only, and a token goes to that server only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from hanse.errors import (
    EntryNotFound,
    HanseError,
    PeerMalformed,
    PeerTooSlow,
    RepoNotFound,
    RevisionNotFound,
)
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoType, parse_name, parse_origin, parse_repo_id
from hanse.peers import hubforms
from hanse.peers.addresses import joined, server_of
from hanse.peers.bulk import BulkClient, refusal
from hanse.peers.client import Answer, in_words, parse_base
from hanse.peers.hubforms import HubCommit, HubInfo, HubRef
from hanse.peers.hubplace import HubPlace
from hanse.peers.timed import LEAST_RATE

PUBLIC_HUB = "https://huggingface.co"
MAX_PAGES = 1000
PAGES_SECONDS = 20.0
"""After so long all pages of a listing together must have come as quickly as a body must: each has a time of its own, too."""
MAX_FILES = 200_000
MAX_COMMITS = 100_000
MAX_ANSWER = 64 * 1024 * 1024


def origin_of(url: str) -> Origin:
    """Return the name of the origin at an address: its host, with `-PORT` where the port is not the scheme's own.

    Raises InputError for no address, BadRepoId for a host that no origin can be called.
    """
    server = server_of(parse_base(url))
    name = server.name.replace("[", "").replace("]", "").replace("::", "-").replace(":", "-")
    return parse_origin(name.strip("-") or "-")


class Hub:
    """An origin at an address, asked as the holder of `token` (empty: nobody). Safe for threads.

    client: connections to share; without it the hub makes its own, which `close` closes. Raises InputError for no address.

    Methods raise RepoNotFound, RevisionNotFound or EntryNotFound where the origin says so, PeerRefused (401, 403, 429 with
    `retry_after`), PeerDown, PeerTooSlow, or PeerMisbehaved for answers that are not as they should be.
    """

    def __init__(self, url: str, token: str = "", client: BulkClient | None = None) -> None:
        self.url = parse_base(url)
        self.client = client or BulkClient(named=(self.url,))
        self.headers: Mapping[str, str] = {"authorization": f"Bearer {token}"} if token else {}

    @property
    def origin(self) -> Origin:
        """The origin's name."""
        return origin_of(self.url)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def info(self, kind: RepoType, repo: str, rev: str) -> HubInfo:
        """Return what the origin says of a revision (a name or a commit id)."""
        found = self._get(f"{self._api(kind, repo)}/revision/{_part(rev)}", repo, rev)
        return hubforms.info(found.body, self.name)

    def tree(self, kind: RepoType, repo: str, rev: str) -> tuple[FilePin, ...]:
        """Return all files of a revision as the origin says them, in order of path."""
        pins: dict[str, FilePin] = {}
        for page in self._pages(f"{self._api(kind, repo)}/tree/{_part(rev)}?recursive=true&expand=false", repo, rev):
            for pin in hubforms.tree_page(page, self.name):
                if pin.path in pins:
                    raise PeerMalformed(f"{self.name} names {pin.path[:200]!r} twice in one revision of {repo}")
                pins[pin.path] = pin
            if len(pins) > MAX_FILES:
                raise PeerMalformed(f"{self.name} names more than {MAX_FILES:,} files in one revision of {repo}")
        both = sorted(pins.keys() & _folders(pins))
        if both:
            raise PeerMalformed(f"{self.name} names {both[0][:200]!r} as a file and as a folder of one revision of {repo}")
        return tuple(pins[path] for path in sorted(pins))

    def refs(self, kind: RepoType, repo: str) -> tuple[HubRef, ...]:
        """Return branches, converted branches, tags and pull requests, and the commit that each is at."""
        return hubforms.refs(self._get(f"{self._api(kind, repo)}/refs?include_prs=1", repo).body, self.name)

    def commits(self, kind: RepoType, repo: str, rev: str) -> Iterator[HubCommit]:
        """Yield the commits of a revision, newest first, at most `MAX_COMMITS`."""
        count = 0
        for page in self._pages(f"{self._api(kind, repo)}/commits/{_part(rev)}", repo, rev):
            for commit in hubforms.commits_page(page, self.name):
                count += 1
                if count > MAX_COMMITS:
                    return
                yield commit

    def whoami(self) -> str:
        """Return the name of the account that the token is of; raises PeerRefused if it is none."""
        return hubforms.account(self._get("/api/whoami-v2", "").body, self.name)

    def place(self, kind: RepoType, repo: str, rev: str, *, prefer_xet: bool = False) -> HubPlace:
        """Return where the files of a revision (a commit id) can be had."""
        return HubPlace(self.client, self.url, self.headers, kind=kind, repo=_checked(repo), rev=rev, prefer_xet=prefer_xet)

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return server_of(self.url).name

    def _api(self, kind: RepoType, repo: str) -> str:
        return f"/api/{kind.plural}/{_checked(repo)}"

    def _pages(self, path: str, repo: str, rev: str) -> Iterator[bytes]:
        url: str | None = self.url + path
        seen, waited, came = set[str](), 0.0, 0
        while url is not None:
            if url in seen or len(seen) >= MAX_PAGES:
                raise PeerMalformed(f"{self.name} answers with pages that do not end")
            if waited > PAGES_SECONDS and came < LEAST_RATE * waited:
                raise PeerTooSlow(f"{self.name} sends its pages too slowly: {came} bytes in {waited:.0f} seconds")
            seen.add(url)
            began = time.monotonic()
            found = self.ask(url, repo, rev)
            waited, came = waited + time.monotonic() - began, came + len(found.body)
            yield found.body
            url = self._next(url, found.headers)

    def _next(self, url: str, headers: Mapping[str, str]) -> str | None:
        """Return the address of the next page, None for the last one; it must be of the same server."""
        target = hubforms.next_link(headers.get("link", ""))
        if target is None:
            return None
        target = joined(url, target)
        if server_of(target) != server_of(self.url):
            # Proxies pass on the links of their own upstream.
            parts = urlsplit(target)
            target = f"{server_of(self.url).url}{parts.path}?{parts.query}"
            if not parts.path.startswith(urlsplit(url).path):
                raise PeerMalformed(f"{self.name} leads to another server for its next page")
        return target

    def _get(self, path: str, repo: str, rev: str = "") -> Answer:
        return self.ask(self.url + path, repo, rev)

    def ask(self, url: str, repo: str = "", rev: str = "", path: str = "") -> Answer:
        """Return a 200 answer to a GET on the origin."""
        found = self.client.get(url, limit=MAX_ANSWER, headers=self.headers)
        if found.status != 200:
            raise error_of(found.status, found.headers, self.name, repo=repo, rev=rev, path=path)
        return found


def error_of(status: int, headers: Mapping[str, str], name: str, *, repo: str = "", rev: str = "", path: str = "") -> HanseError:
    """Return the error that a refusal of a Hub stands for (hub-api.md A.1)."""
    said = in_words(headers.get("x-error-message", ""))
    code = headers.get("x-error-code", "")
    words = f": {said}" if said else ""
    if code == "RepoNotFound" or (status == 404 and not code and not path):
        return RepoNotFound(f"{name} has no repository {repo}{words}", hint="check the name; a private one needs a token")
    if code == "RevisionNotFound":
        return RevisionNotFound(f"{name} has no revision {rev[:80]} of {repo}{words}")
    if code == "EntryNotFound" or (status == 404 and path):
        return EntryNotFound(f"{name} has no {path[:200]!r} in {repo} at {rev[:80]}{words}", rev=rev)
    return refusal(status, headers, name, said)


def _checked(repo: str) -> str:
    """Return a repository's name if it is one; names without a namespace, as the oldest models have them, are too."""
    if "/" in repo:
        return parse_repo_id(Origin("any"), RepoType.MODEL, repo).path
    return parse_name(repo)


def _folders(paths: Iterable[str]) -> set[str]:
    """Return all folders that paths lie in."""
    found = set[str]()
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _part(rev: str) -> str:
    return quote(rev, safe="")
