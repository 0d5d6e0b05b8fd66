"""A request that a member of the federation signed, so that another one's node shows it what members are shown.

It is a Statement about the record, signed with the key by which the member's node signs its statements: who asks, whom, for which
file, when. It is good for five minutes, at the node that it names, for that file alone; whoever overhears it gets nothing else.
The key is looked for in the copy of the member's log that the node holds, so that only members whose logs are followed are known.
"""

from __future__ import annotations

from collections.abc import Iterable

from hanse.db import foreign, witnesses
from hanse.errors import BadSignature, HanseError, NotAllowed
from hanse.flows.foreign.copies import Copy
from hanse.flows.node import Node
from hanse.flows.replicate.fellows import members_of
from hanse.flows.shown_keys import KeyBook
from hanse.model.digest import Sha256
from hanse.model.key_leaf import KeyLeaf, KeyUse
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin
from hanse.sign.bundle import make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.statement import Statement, Subject, parse_statement

MEMBER_REQUEST = "https://hanse/member-request/v1"
GOOD_SECONDS = 300
MAX_REQUEST_BYTES = 16 * 1024
MAX_KEYS = 10_000
"""Leaves about keys of one log, more than any honest one has."""
_FIELDS = {"member", "to", "file", "time"}


def make_request(node: Node, to: Origin, record: Sha256, file: str) -> bytes:
    """Return this node's request to `to` for a file of a record, as a bundle."""
    said = {"member": str(node.origin), "to": str(to), "file": file, "time": node.clock.now()}
    return make_bundle(Statement((Subject(file, {"sha256": record}),), MEMBER_REQUEST, said), node.keys.attest).encode()


def check_request(node: Node, data: bytes, record: str, file: str) -> Origin:
    """Return the member who asks.

    Raises NotAllowed for another request than this, or by no member of a federation that this node is in; BadSignature if it is
    not signed by a key in force in the member's log; BadFormat, TooLarge.
    """
    bundle = parse_bundle_json(data)
    statement = parse_statement(bundle.envelope.payload)
    said = statement.predicate
    if statement.predicate_type != MEMBER_REQUEST or said.keys() != _FIELDS:
        raise NotAllowed(f"this is no {MEMBER_REQUEST}")
    if not statement.about("sha256", record) or said["file"] != file or said["to"] != node.origin:
        raise NotAllowed("the request is for another file, or for another node")
    now, asked = node.clock.now(), said["time"]
    if type(asked) is not int or abs(now - asked) > GOOD_SECONDS:
        raise NotAllowed(f"a request is good for {GOOD_SECONDS} seconds", hint="compare the clocks of both machines")
    members = members_of(node)
    name = said["member"]
    member = members.get(Origin(name)) if type(name) is str else None
    if member is None or member.origin == node.origin or node.origin not in members:
        raise NotAllowed(f"{str(name)[:80]!r} is no member of a federation of {node.origin}", hint="hanse federation status")
    for key in _keys(node, member.origin):
        if key.fingerprint not in member.distrusted:
            try:
                verify_bundle(bundle, key)
            except BadSignature:
                continue
            return member.origin
    raise BadSignature(
        f"the request is not signed by a key of {member.origin} that its log has in force, as far as it is known here"
    )


def _keys(node: Node, origin: Origin) -> Iterable[PublicKey]:
    """Return the keys of a member's statements that are in force at the end of the copy of its log."""
    with node.db.read() as conn:
        log = witnesses.find(conn, origin)
    if log is None or not log.mirrored:
        return
    with node.db.read() as conn:
        found = foreign.key_leaves(conn, origin, log.mirrored, MAX_KEYS)
    if len(found) == MAX_KEYS:  # a later leaf could end a key
        return
    copy = Copy(node.db, node.store, log)
    leaves = [(index, copy.leaf(index)) for index in found]
    book = KeyBook(origin, [(index, leaf) for index, leaf in leaves if isinstance(leaf, KeyLeaf)], {})
    for one in book.of(KeyUse.ATTEST):
        try:
            yield book.valid(one.public.fingerprint, log.mirrored, KeyUse.ATTEST).public
        except HanseError:  # replaced, or distrusted
            continue
