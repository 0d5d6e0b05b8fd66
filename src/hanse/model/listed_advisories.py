"""What an evidence file says of one log's advisories in force: all of them, with the statements as far as there is room.

The list is checked against the map of advisories in the log's newest shown snapshot: whoever leaves one out, or adds one, has
another root. So a reader knows that no advisory was kept from him, if every statement is there too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.advisory import MAX_PAYLOAD_BYTES
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.repo import Origin, parse_origin
from hanse.model.trust_leaf import MAX_ADVISORY_ID

ADVISORIES_TYPE = "application/vnd.hanse.advisories.v1+json"
MAX_LISTED = 1024
"""Advisories in force of one log in one file; a log with more is not judged by it."""
MAX_LISTED_BYTES = 2 * 1024 * 1024
_FIELDS = frozenset({"mediaType", "origin", "entries"})
_ENTRY = frozenset({"id", "sha256", "payload"})


@dataclass(frozen=True, slots=True)
class ListedAdvisory:
    """One advisory in force. sha256: of its statement; payload: the statement, None where it is not shown."""

    id: str
    sha256: Sha256
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class AdvisoriesEvidence:
    """Every advisory in force in the log of `origin`, by id."""

    origin: Origin
    entries: tuple[ListedAdvisory, ...]


def parse_listed(line: bytes) -> AdvisoriesEvidence:
    """Return what a line of an evidence file says of a log's advisories.

    Raises BadFormat or TooLarge for a line of another form, DigestMismatch for a statement that is not the listed one.
    """
    fields = parse_canonical(line, "a list of advisories", MAX_LISTED_BYTES)
    if fields.keys() != _FIELDS or type(fields["origin"]) is not str:
        raise BadFormat(f"a list of advisories has exactly the fields {sorted(_FIELDS)}")
    listed = fields["entries"]
    if type(listed) is not list or not 1 <= len(listed) <= MAX_LISTED:
        raise TooLarge(f"a list of advisories has 1 to {MAX_LISTED} entries")
    entries = tuple(_entry(one) for one in listed)
    if any(one.id >= other.id for one, other in pairwise(entries)):
        raise BadFormat("a list of advisories is in order of their ids, each once")
    return AdvisoriesEvidence(parse_origin(fields["origin"]), entries)


def _entry(fields: Any) -> ListedAdvisory:
    if type(fields) is not dict or fields.keys() != _ENTRY:
        raise BadFormat(f"an entry of a list of advisories has exactly the fields {sorted(_ENTRY)}")
    name, payload = fields["id"], fields["payload"]
    if type(name) is not str or not 1 <= len(name) <= MAX_ADVISORY_ID:
        raise BadFormat(f"id of an advisory is 1 to {MAX_ADVISORY_ID} characters")
    if type(fields["sha256"]) is not str or not (payload is None or type(payload) is str):
        raise BadFormat("an entry of a list of advisories has a digest, and its statement or null")
    digest, data = parse_sha256(fields["sha256"]), None if payload is None else payload.encode("utf-8", "replace")
    if data is not None and len(data) > MAX_PAYLOAD_BYTES:
        raise TooLarge(f"the statement of an advisory has at most {MAX_PAYLOAD_BYTES:,} bytes, got {len(data):,}")
    if data is not None and hashlib.sha256(data).hexdigest() != digest:
        raise DigestMismatch(f"the statement shown for {name[:120]} is not the one that is listed")
    return ListedAdvisory(name, digest, data)


def encode_listed(one: AdvisoriesEvidence) -> bytes:
    """Return the line of an evidence file; raises BadFormat for what has no canonical form."""
    entries = [
        {"id": row.id, "sha256": row.sha256, "payload": None if row.payload is None else row.payload.decode()}
        for row in one.entries
    ]
    return canonical({"mediaType": ADVISORIES_TYPE, "origin": one.origin, "entries": entries})
