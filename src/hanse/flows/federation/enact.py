"""What a node does about a federation: it witnesses and mirrors the others, asks them to do so, and logs the versions it saw.

Enacting again changes nothing. Whoever was put in by a federation is taken out when none lists him any more; cosigners and logs
that an operator added by hand stay.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from sqlalchemy import Connection

from hanse.db import leaves, state
from hanse.errors import HanseError
from hanse.flows import effects
from hanse.flows.cosigners import MIRROR, WITNESS, add_cosigner, add_log, own_keys, remove_cosigner, witness_keys
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.keeper import Keeper
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.repo import Origin
from hanse.model.trust_leaf import NAMED_VERSION, MemberLeaf, MemberRole
from hanse.sign.federation import ROOT, TARGETS
from hanse.tlog.members import Member

_PREFIX = "federation/"


def own_member(
    node: Keeper, title: str, addresses: Iterable[str], *, namespaces: Iterable[str] = (), capacity: int = 0
) -> Member:
    """Return this node as it asks to be listed; raises BadFormat for what no member may say."""
    keys = own_keys(node)
    spaces = tuple(sorted({one.lower() for one in namespaces}))
    return Member(node.origin, title, tuple(addresses), (keys["log"],), witness_keys(node), (keys[MIRROR],), spaces, capacity)


def enact(node: Keeper, federation: Federation) -> list[str]:
    """Do what follows from a federation's present state; return a line for everything that changed or could not be done."""
    told: list[str] = []
    others = [one for one in federation.members.members.values() if one.origin != node.origin]
    before = listed_members(node, federation.name)
    for member in others:
        try:
            _take_in(node, member)
        except HanseError as error:
            told.append(f"{member.origin}: {error.message}")
            continue
        if member.origin not in before:
            told.append(f"{member.origin} is asked for cosignatures; its log is witnessed and mirrored from now on")
    elsewhere = _elsewhere(node, federation.name)
    for origin in sorted(before - {one.origin for one in others}):
        if origin in elsewhere:
            told.append(f"{origin} is no member of {federation.name} any more; another federation of this node still lists it")
            continue
        _take_out(node, before_names(origin))
        told.append(f"{origin} is no member any more and is not asked; its log is still witnessed")
    _remember(node, federation.name, {one.origin for one in others})
    told += _log_versions(node, federation)
    return told


def before_names(origin: str) -> dict[str, str]:
    """Return the names under which a member's cosigners are asked, by kind."""
    return {WITNESS: f"{origin}/{WITNESS}", MIRROR: f"{origin}/{MIRROR}"}


def claims_of(files: FederationFiles, own: Origin) -> dict[str, Origin]:
    """Return the namespaces that belong to other members, in any federation kept here: they never fall through to an upstream."""
    found: dict[str, Origin] = {}
    for name in files.names():
        for member in files.load(name).members.members.values():
            if member.origin != own:
                found |= dict.fromkeys(member.namespaces, member.origin)
    return found


def _take_in(node: Keeper, member: Member) -> None:
    url = member.addresses[0]
    trusted = [key.text for key in member.log if key.public.fingerprint not in member.distrusted]
    add_log(node, trusted or [member.log[-1].text], f"{url}/log")
    if member.static:
        return  # it answers no questions, so it cosigns nothing
    for kind, keys in ((WITNESS, member.witness), (MIRROR, member.mirror)):
        counted = [key for key in keys if key.public.fingerprint not in member.distrusted]
        if counted:
            same = [key.text for key in counted if key.name == counted[-1].name]
            add_cosigner(node, same, f"{url}/{kind}", kind)
        elif keys:
            _take_out(node, {kind: before_names(member.origin)[kind]})


def _take_out(node: Keeper, names: dict[str, str]) -> None:
    for kind, name in names.items():
        try:
            remove_cosigner(node, name, kind)
        except HanseError:
            continue  # the operator removed it before


def _fact(name: Origin) -> str:
    """Return the key of what is remembered of a federation in `node_state`, whose keys have at most 64 characters."""
    return f"{_PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _state(conn: Connection, name: Origin) -> dict[str, list[str]]:
    text = state.get_fact(conn, _fact(name))
    told: dict[str, list[str]] = json.loads(text) if text else {"members": [], "logged": []}
    return told


def listed_members(node: Keeper, name: Origin) -> set[str]:
    """Return the other members of a federation as they were when it was enacted last."""
    with node.db.read() as conn:
        return set(_state(conn, name)["members"])


def _elsewhere(node: Keeper, name: Origin) -> set[str]:
    """Return the other members of all other federations as they were when these were enacted last."""
    with node.db.read() as conn:
        facts = state.get_state(conn)
    told = [json.loads(text) for key, text in facts.items() if key.startswith(_PREFIX) and key != _fact(name)]
    return {origin for one in told for origin in one["members"]}


def _remember(node: Keeper, name: Origin, members: set[Origin]) -> None:
    with node.db.write() as conn:
        told = _state(conn, name)
        state.put_fact(conn, _fact(name), json.dumps(told | {"members": sorted(members)}))


def _log_versions(node: Keeper, federation: Federation) -> list[str]:
    """Queue a `member` leaf for the root and the targets that are trusted now, unless the log has them."""
    trusted, told = federation.trusted, list[str]()
    with node.db.write() as conn:
        known = _state(conn, federation.name)
        for role, version, data in (
            (MemberRole.ROOT, trusted.root_version, trusted.root_data),
            (MemberRole.TARGETS, trusted.targets_version, trusted.targets_data),
        ):
            digest = hashlib.sha256(data).hexdigest()
            done = f"{digest}/{NAMED_VERSION}"  # without the number: by a leaf that names no federation
            if not data or done in known["logged"]:
                continue
            seen = Payload(Sha256(digest), len(data))
            leaf = encode_leaf(MemberLeaf(node.clock.now(), role, version, seen, Sha256(federation.first)))
            row: dict[str, object] = {"repo_id": None, "kind": "member", "leaf": leaf, "leaf_hash": leaf_id(leaf)}
            leaves.append(conn, row | {"effect": effects.NONE, "created_at": node.clock.now()})
            known["logged"].append(done)
            told.append(f"{ROOT if role is MemberRole.ROOT else TARGETS} version {version} goes into this node's log")
        state.put_fact(conn, _fact(federation.name), json.dumps(known))
    return told


def withdraw(node: Keeper, federation: Federation) -> None:
    """Undo what `enact` arranged with those whom no other federation lists; logs are witnessed on, what was logged stays."""
    for origin in sorted(listed_members(node, federation.name) - _elsewhere(node, federation.name)):
        _take_out(node, before_names(origin))
    _remember(node, federation.name, set())
