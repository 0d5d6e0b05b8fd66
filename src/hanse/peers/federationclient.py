"""Reads what a member, or any web server, has of federations: roots, targets and the files that targets list, all bounded.

Addresses below the member's: `/federation` (which there are, as JSON), `/federation/NAME/root/N.json`,
`/federation/NAME/targets/N.json`, `/federation/NAME/files/SHA256`. Nothing that comes back is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat, PeerMisbehaved, PeerRefused
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, parse_origin
from hanse.model.staticlayout import FEDERATIONS
from hanse.model.strictjson import parse_strict
from hanse.peers.client import Answer, PeerClient, parse_base

MAX_LIST_BYTES = 256 * 1024
MAX_LISTED = 100
MAX_VERSION = 2**31


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a server says it has of a federation: versions, and the fingerprint of the first root. Good for finding it only."""

    name: Origin
    first: str
    root: int
    targets: int


class FederationClient:
    """The federations at one address. Safe for threads.

    All methods raise PeerDown, PeerTooSlow or PeerMisbehaved; PeerRefused for another status than 200 and 404.
    """

    def __init__(self, client: PeerClient, url: str) -> None:
        self._client = client
        self.url = parse_base(url)

    def listed(self) -> list[Claimed]:
        """Return what the server has; a static site has the list in a file of its own."""
        answer = self._client.get(f"{self.url}/federation", limit=MAX_LIST_BYTES)
        if answer.status != 200:
            named = self._client.get(f"{self.url}/{FEDERATIONS}", limit=MAX_LIST_BYTES)
            answer = named if named.status == 200 else answer
        data = self._body(answer)
        return [] if data is None else parse_list(data)

    def metadata(self, name: Origin, role: str, version: int, limit: int) -> bytes | None:
        """Return a version of `root` or `targets`, None if the server does not have it."""
        return self._file(f"/{name}/{role}/{version}.json", limit)

    def file(self, name: Origin, digest: Sha256, size: int) -> bytes | None:
        """Return a file by its SHA-256 and size in bytes, None if the server does not have it."""
        return self._file(f"/{name}/files/{digest}", size)

    def _file(self, path: str, limit: int) -> bytes | None:
        return self._body(self._client.get(f"{self.url}/federation{path}", limit=limit))

    def _body(self, answer: Answer) -> bytes | None:
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise PeerRefused(f"{self.url} answers {answer.status} about its federations", status=answer.status)
        return answer.body


def parse_list(data: bytes) -> list[Claimed]:
    """Return the federations in a server's list; raises PeerMisbehaved, BadFormat, TooLarge or BadRepoId for what is none."""
    try:
        return [
            _claimed(one) for one in list(parse_strict(data, "a list of federations", MAX_LIST_BYTES)["federations"])[:MAX_LISTED]
        ]
    except (KeyError, TypeError) as error:
        raise PeerMisbehaved("this is no list of federations") from error


def _claimed(told: Any) -> Claimed:
    root, targets = told["root"], told["targets"]
    if type(root) is not int or type(targets) is not int or not 0 < root < MAX_VERSION or not 0 <= targets < MAX_VERSION:
        raise BadFormat("versions of a federation are whole numbers from 1")
    return Claimed(parse_origin(str(told["name"])), str(told["first"])[:64], root, targets)
