"""What a federation protects against as it stands, in words: what one member can do alone, what would make it better."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hanse.clock import rfc3339
from hanse.flows.federation.change import key_owners, root_keys
from hanse.flows.federation.kept import Federation
from hanse.sign.federation import ROOT
from hanse.tlog.members import Member
from hanse.tlog.tlogpolicy import smallest_quorum

SOON = 30 * 86400


def describe(federation: Federation, now: int) -> dict[str, Any]:
    """Return the facts of a federation as JSON, with what is to be said about it."""
    trusted, members = federation.trusted, list(federation.members.members.values())
    role, owners = trusted.role(ROOT), key_owners(federation)
    keys = [one.fingerprint for one in root_keys(trusted)]
    return {
        "name": federation.name,
        "fingerprint": federation.first,
        "root": trusted.root_version,
        "targets": trusted.targets_version,
        "need": role.need,
        "keys": keys,
        "expires": rfc3339(_expires(federation)),
        "members": [_row(one, [key for key in keys if owners.get(key) == one.origin]) for one in members],
        "others": [key for key in keys if owners.get(key) not in federation.members.members],
        "remarks": remarks(federation, now),
    }


def remarks(federation: Federation, now: int) -> list[str]:
    """Return what is not protected yet, a line each with what would change it; empty where one member of five may fail."""
    role, members = federation.trusted.role(ROOT), federation.members.members
    found = []
    if role.one_can_change:
        found.append(
            "one key changes everything: whoever has it decides who is a member; to mend it, take others in and raise the"
            " threshold (hanse federation propose --add REQUEST --need M)"
        )
    elif role.one_can_block:
        found.append(f"all {role.need} keys are needed: one member can block every change; add keys, or lower the threshold")
    if role.split and not role.one_can_change:
        found.append(f"{role.need} of {len(role.keys)}: two halves could each agree on something else; more than half is needed")
    found += _on_witnesses(len([one for one in members.values() if one.witness and not one.static]))
    left = _expires(federation) - now
    if left <= 0:
        found.append("its metadata has expired: propose and sign a new version (hanse federation propose)")
    elif left < SOON:
        found.append(f"its metadata expires in {left // 86400} days: propose and sign a new version (hanse federation propose)")
    return found


def on_server(federation: Federation, key: str, place: str) -> list[str]:
    """Return what is not protected while the key for changes lies in a node's data folder. key: fingerprint; place: its file."""
    role = federation.trusted.role(ROOT)
    if key not in {one.fingerprint for one in root_keys(federation.trusted)}:
        return []
    worth = "every change by himself" if role.need == 1 else f"one of the {role.need} signatures of every change"
    line = (
        f"the key for changes lies on this machine, in {place}: whoever breaks into it has {worth}; to mend it, make one that is"
        " kept elsewhere (hanse sign key FILE) and change to it (hanse federation rekey --key FILE)"
    )
    return [line]


def _on_witnesses(count: int) -> list[str]:
    others = count - 1
    if others < 1:
        return ["nobody else witnesses: a log can show two readers different contents; take others in"]
    if others < 4:
        need = smallest_quorum(others, 0)
        told = (
            f"each log has {others} witness{'es' if others > 1 else ''} besides its operator, of which {need} are asked for:"
            " none of them may lie; with four others one may (a witness needs no storage: hanse serve --witness-only)"
        )
        return [told]
    return []


def _expires(federation: Federation) -> int:
    trusted = federation.trusted
    times = [trusted.root.signed.expires] + ([trusted.targets.signed.expires] if trusted.targets else [])
    return int(min(one if one.tzinfo else one.replace(tzinfo=UTC) for one in times).timestamp())


def _row(one: Member, keys: list[str]) -> dict[str, Any]:
    return {
        "member": one.origin,
        "title": one.title,
        "address": one.addresses[0],
        "namespaces": list(one.namespaces),
        "capacity": one.capacity,
        "static": one.static,
        "keys": keys,
    }
