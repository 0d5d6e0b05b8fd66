"""Xet access tokens and signed addresses: HMAC-SHA256 under the node's secret, nothing stored.

A token is valid for one repository, one account, one scope, until it expires, and for one CAS epoch. It says who asked, not
what he may do: rights are looked up again at every use (hub-api.md rule 3). A signed address carries no token; it names one
object, the byte ranges it may be read by, and when it ends (hub-api.md rule 14).

Both forms carry a version and a purpose, so that one can never pass for the other.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.errors import BadToken, NotAllowed
from hanse.flows.node import Node
from hanse.model.actor import Actor

_TOKEN = struct.Struct("<BBBQQQ")  # version, scope, operator's rights, repo id, account id + 1 (0: anonymous), expiry
_VERSION = 1
SCOPES = ("read", "write", "propose")
"""What a token is for: reading; uploading; uploading for a pull request."""
_MAC_BYTES = 32
MAX_RANGES = 64
"""Ranges that one signed address may name."""
MAX_QUERY = MAX_RANGES * 24


@dataclass(frozen=True, slots=True)
class XetToken:
    """What a valid token says.

    repo_id: row id; account_id: None for an anonymous reader; scope: one of SCOPES; admin: whether it was asked for with a
    node operator's rights (a robot token of an operator has none); expires: seconds since 1970; epoch: the CAS epoch it is for.
    """

    repo_id: int
    account_id: int | None
    scope: str
    admin: bool
    expires: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What a valid signed address allows: object `name` of `kind`, byte `ranges` (first, last inclusive), until `expires`."""

    kind: str
    name: str
    ranges: tuple[tuple[int, int], ...]
    expires: int


def _mac(node: Node, purpose: str, payload: bytes, epoch: str) -> bytes:
    context = f"hanse/{purpose}/{_VERSION}/{node.origin}/{epoch}\n".encode()
    return hmac.digest(node.secret, context + payload, hashlib.sha256)


def issue_token(node: Node, actor: Actor, repo_id: int, scope: str) -> tuple[str, int]:
    """Return a token by which `actor` may use a repository in `scope` (one of SCOPES), and when it expires.

    The caller has checked that the actor may. Times are seconds since 1970.
    """
    expires = node.clock.now() + node.limits.token_ttl_seconds
    holder = 0 if actor.account_id is None else actor.account_id + 1
    payload = _TOKEN.pack(_VERSION, SCOPES.index(scope), actor.admin, repo_id, holder, expires)
    return urlsafe_b64encode(payload + _mac(node, "token", payload, node.epoch)).decode().rstrip("="), expires


def read_token(node: Node, text: str) -> XetToken:
    """Return what a token says; raises BadToken if it is forged, of another epoch, or expired."""
    hint = "ask the Hub API for a new Xet token"
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= 200 else b""
    except ValueError:
        raw = b""
    payload, mac, epoch = raw[: _TOKEN.size], raw[_TOKEN.size :], node.epoch
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, _mac(node, "token", payload, epoch)):
        raise BadToken("the Xet token is not one of this node", hint=hint)
    version, scope, admin, repo_id, holder, expires = _TOKEN.unpack(payload)
    if version != _VERSION or scope >= len(SCOPES) or node.clock.now() >= expires:
        raise BadToken("the Xet token has expired", hint=hint)
    return XetToken(repo_id, holder - 1 if holder else None, SCOPES[scope], bool(admin), expires, epoch)


def _url_mac(node: Node, kind: str, name: str, ranges: str, expires: str) -> bytes:
    payload = f"{kind}\n{name}\n{ranges}\n{expires}".encode("utf-8", "replace")
    # Large files without Xet know no epochs: nothing that such a client remembers can be out of date.
    epoch = "" if kind.startswith("lfs-") else node.epoch
    return urlsafe_b64encode(_mac(node, "url", payload, epoch)).rstrip(b"=")


def sign(node: Node, kind: str, name: str, ranges: Sequence[tuple[int, int]], *, expires: int | None = None) -> str:
    """Return the query string that lets anyone use object `name` of `kind`.

    ranges: (first, last inclusive) bytes, at most MAX_RANGES; expires: seconds since 1970, by default the node's URL
    lifetime from now.
    """
    until = node.clock.now() + node.limits.url_ttl_seconds if expires is None else expires
    text = ",".join(f"{first}-{last}" for first, last in ranges)
    return f"r={text}&e={until}&s={_url_mac(node, kind, name, text, str(until)).decode()}"


def check_signed(node: Node, kind: str, name: str, query: Mapping[str, str]) -> Signed:
    """Return what a signed address allows, given the query made by `sign`; raises NotAllowed if it is forged or expired."""
    hint = "ask for a new address"
    ranges, expires, mac = (query.get(key, "") for key in "res")
    if max(len(ranges), len(expires), len(mac)) > MAX_QUERY or not (expires.isascii() and expires.isdigit()):
        raise NotAllowed("the signed address is malformed", hint=hint)
    given, epoch = mac.encode("ascii", "replace"), node.epoch
    good = hmac.compare_digest(_url_mac(node, kind, name, ranges, expires), given)
    if not good and node.epochs.look() != epoch:  # another process has signed it in an epoch that is news here
        good = hmac.compare_digest(_url_mac(node, kind, name, ranges, expires), given)
    if not good:
        raise NotAllowed("the signature of this address is not valid", hint=hint)
    if node.clock.now() >= int(expires):
        raise NotAllowed("the signed address has expired", hint=hint)
    pairs = [one.partition("-") for one in ranges.split(",") if one]
    return Signed(kind, name, tuple((int(first), int(last)) for first, _, last in pairs), int(expires))
