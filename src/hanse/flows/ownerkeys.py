"""A publisher takes the key of his namespace into his own hands (DESIGN.md section 8).

While the operator holds it, the node's key for refs vouches for the first key of the owner: whoever administers the namespace
by its account may ask for that. From then on only the owner's key vouches for the next one, so that nobody who gets into the
account, or the node, takes the name over unseen.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from hanse.db import accounts, logkeys
from hanse.db.logkeys import LogKey
from hanse.errors import BadFormat, BadSignature, Conflict, NotAllowed
from hanse.flows import access
from hanse.flows.keychanges import hand_over
from hanse.flows.keyleaves import queue_key_leaf
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.publickey import PublicKey, Scheme
from hanse.model.repo import Origin, parse_name

CLOCK_SECONDS = 86_400
"""How far the time in a hand-over may lie from this node's clock."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """The present owner's word for the next key.

    time: when, seconds; by: fingerprint; sig: base64 of the signature over `handover_bytes` of the leaf of that time.
    """

    time: int
    by: Sha256
    sig: str


def handover_leaf(origin: Origin, namespace: str, new: PublicKey, voucher: Voucher) -> KeyLeaf:
    """Return the leaf by which the owner's next key follows the present one; `voucher.sig` is empty before it is signed."""
    return KeyLeaf(
        time=voucher.time,
        origin=origin,
        op=KeyOp.TRANSFER,
        use=KeyUse.NAMESPACE,
        key=Sha256(new.fingerprint),
        spki=new.text,
        namespace=parse_name(namespace, "namespace").lower(),
        holder=Holder.OWNER,
        by=voucher.by,
        sig=voucher.sig,
    )


def register_owner(node: Node, actor: Actor, namespace: str, new: PublicKey, voucher: Voucher | None = None) -> None:
    """Let the owner's key answer for a namespace; its leaf is queued, before that of anything it signs.

    voucher: needed where an owner holds the namespace already. Raises NotAuthenticated or NotAllowed without the right, or
    without a voucher that is needed; BadSignature for a false one; BadFormat for another kind of key; Conflict if the key answers
    for the namespace already.
    """
    name = parse_name(namespace, "namespace").lower()
    access.require_account(actor)
    if not actor.may_administer(name):
        raise NotAllowed(f"you don't have the rights to administer the namespace {name!r}")
    if new.scheme is not Scheme.ECDSA_P256:
        raise BadFormat(
            f"owners sign with {Scheme.ECDSA_P256.value}, got {new.scheme.value}", hint="make one: hanse sign key FILE"
        )
    with node.db.read() as conn:
        if accounts.find_account(conn, name) is None:
            raise NotAllowed(f"there is no user or organisation {name!r}", hint="ask the node's operator to create it")
        held = [row for row in logkeys.of_use(conn, KeyUse.NAMESPACE.value, name) if row.state == "active"]
    owned = [row for row in held if row.holder == Holder.OWNER.value]
    if not owned:
        hand_over(node, name, new, Holder.OWNER)
    else:
        _transfer(node, name, new, owned, voucher)


def _transfer(node: Node, name: str, new: PublicKey, owned: list[LogKey], voucher: Voucher | None) -> None:
    if any(row.key == new.fingerprint for row in owned):
        raise Conflict(f"key {new.fingerprint[:16]} answers for {name} already")
    if voucher is None:
        raise NotAllowed(f"the owner of {name} holds its key, and no other vouches for the next one", hint="name it with --old")
    old = next((row for row in owned if row.key == voucher.by), None)
    if old is None:
        raise NotAllowed(f"key {voucher.by[:16]} does not answer for {name}")
    if abs(node.clock.now() - voucher.time) > CLOCK_SECONDS:
        raise BadFormat("the hand-over was signed at another time", hint="check the clock of the machine that signs")
    leaf = handover_leaf(node.origin, name, new, voucher)
    try:
        signature = base64.b64decode(voucher.sig, validate=True)
    except binascii.Error as error:
        raise BadSignature("the signature of a hand-over is base64") from error
    PublicKey.from_text(old.spki).verify(signature, handover_bytes(leaf))
    with node.db.write() as conn:
        now = logkeys.get(conn, KeyUse.NAMESPACE.value, name, old.key, hold=True)
        if now is None or now.state != "active":
            raise Conflict(f"key {old.key[:16]} no longer answers for {name}")
        queue_key_leaf(conn, leaf)
