"""Changing a federation together: who begins, who asks to join, what is proposed, who signs, when it holds.

Files travel by any channel: a *request* of an institution that wants to join, signed by its key for the federation and by the
key of its log; a *proposal*, which collects signatures (`hanse.sign.proposal`). Joining needs the threshold; leaving needs
nobody: who leaves stops answering and exports what he holds, and the others take him off the list when they get to it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tuf.api.metadata import Metadata, Root

from hanse.errors import BadFormat, Conflict, NotFoundError
from hanse.flows.federation.kept import COPIES, KEYS, MEMBERS, POLICY, Federation, fingerprint_of, tlog_policy_name
from hanse.flows.trust import earliest
from hanse.model.amount import amount_text
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.publickey import PublicKey, Scheme, Signer
from hanse.model.repo import Origin, parse_origin
from hanse.model.strictjson import parse_strict
from hanse.sign.federation import ROOT, TARGETS, TrustedFederation, parse_metadata
from hanse.sign.proposal import Proposal, apply, make_root, make_targets, sign_proposal
from hanse.tlog.members import MAX_KEYS, MAX_MEMBERS_BYTES, Member, Members, parse_member, parse_members
from hanse.tlog.note import COSIGNATURE, NoteKey
from hanse.tlog.tlogpolicy import make_tlog_policy, smallest_quorum

YEAR = 366 * 86400
RENEW_SECONDS = YEAR // 2
MAX_KEYS_BYTES = 256 * 1024
FAULTY = 1
_DOMAIN = b"hanse federation request v1\n"


@dataclass(frozen=True, slots=True)
class Request:
    """An institution's wish to be a member, or to be listed otherwise. key: its key for signing the federation's changes."""

    federation: Origin
    member: Member
    key: PublicKey


def make_request(federation: Origin, member: Member, signer: Signer, log: Signer) -> bytes:
    """Return the file of a request, signed by the key it names and by the newest key of the member's log."""
    told = {"v": 1, "federation": federation, "member": member.to_json(), "key": signer.public.text}
    body = _DOMAIN + canonical(told)
    signatures = {"key": signer.sign(body), "log": log.sign(body)}
    return canonical(told | {"signatures": {name: base64.b64encode(one).decode() for name, one in signatures.items()}})


def parse_request(data: bytes) -> Request:
    """Return the request in a file: both keys signed it, so nobody asks in another one's name.

    Raises BadFormat, TooLarge, BadRepoId or BadSignature.
    """
    told = parse_strict(data, "a request", MAX_MEMBERS_BYTES)
    if set(told) != {"v", "federation", "member", "key", "signatures"} or told["v"] != 1:
        raise BadFormat("a request has v 1, federation, member, key and signatures", hint="a newer Hanse may be needed")
    signatures = told.pop("signatures")
    member, key = parse_member(told["member"]), PublicKey.from_text(str(told["key"]))
    body = _DOMAIN + canonical(told)
    key.verify(_signature(signatures, "key"), body)
    member.log[-1].public.verify(_signature(signatures, "log"), body)
    return Request(Origin(str(told["federation"])), member, key)


def _signature(told: object, name: str) -> bytes:
    text = told.get(name) if isinstance(told, dict) else None
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except ValueError as error:
        raise BadFormat(f"a request is signed by its {name} in base64") from error


def begin(name: Origin, member: Member, signer: Signer, now: int) -> Federation:
    """Return a new federation of one: the key of its first member signs root and targets."""
    files = _files(Members.of(name, [member]), {}, {KEYS: _key_file({signer.public.fingerprint: member.origin})})
    expires = _until(now)
    made = Proposal(name, make_root(1, [signer.public], 1, expires), make_targets(1, files, expires), files)
    signed = sign_proposal(made, signer)
    trusted = apply(TrustedFederation.start(signed.root), signed)
    return Federation(name, fingerprint_of(signed.root), trusted, files)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed. add: members to list or to list otherwise; remove: those to take off; need: a new threshold.

    retire: fingerprints of further keys that shall sign no more; policy: new defaults of the content policy, and copies: new
    rules for copies, as TOML; distrust: whose key counts up to which index of his log, by fingerprint, and no further.
    """

    add: tuple[Request, ...] = ()
    remove: tuple[Origin, ...] = ()
    need: int | None = None
    retire: tuple[str, ...] = ()
    policy: str | None = None
    copies: str | None = None
    distrust: tuple[tuple[Origin, Sha256, int], ...] = ()


def propose(federation: Federation, change: Change, now: int) -> Proposal:
    """Return the unsigned proposal of a change.

    Keys follow members: whoever joins brings one, who brings another gives up the one before, who is taken off the list takes his
    along; `retire` names others that go. The root is made anew if they change, or if
    it expires within half a year. Raises NotFoundError for a member or key that is not there, Conflict for a request to another
    federation, BadFormat for a threshold that cannot be.
    """
    trusted = federation.trusted
    members = _changed_members(federation, change)
    told = {name: text.encode() for name, text in ((POLICY, change.policy), (COPIES, change.copies)) if text is not None}
    owners = key_owners(federation)
    keys, need = _keys(trusted, owners, change), change.need or trusted.role(ROOT).need
    owners |= {one.key.fingerprint: one.member.origin for one in change.add}
    told[KEYS] = _key_file({one.fingerprint: owners[one.fingerprint] for one in keys if one.fingerprint in owners})
    files = _files(Members.of(federation.name, members.values()), federation.files, told)
    root = b""
    same = {one.fingerprint for one in keys} == {one.fingerprint for one in root_keys(trusted)}
    ends = int(trusted.root.signed.expires.replace(tzinfo=UTC).timestamp())
    # A root that nobody renews ends the federation, however new its targets are.
    if not same or need != trusted.role(ROOT).need or ends - now < RENEW_SECONDS:
        root = make_root(trusted.root_version + 1, keys, need, _until(now))
    return Proposal(federation.name, root, make_targets(trusted.targets_version + 1, files, _until(now)), files)


def _changed_members(federation: Federation, change: Change) -> dict[Origin, Member]:
    members = dict(federation.members.members)
    for origin in change.remove:
        if members.pop(origin, None) is None:
            raise NotFoundError(f"{origin} is no member of {federation.name}", hint="hanse federation status")
    for request in change.add:
        if request.federation != federation.name:
            raise Conflict(f"the request of {request.member.origin} is to {request.federation}, not to {federation.name}")
        members[request.member.origin] = _listed_anew(members.get(request.member.origin), request.member)
    for origin, key, index in change.distrust:
        if origin not in members:
            raise NotFoundError(f"{origin} is no member of {federation.name}", hint="hanse federation status")
        known = members[origin].distrusted
        members[origin] = replace(members[origin], distrusted={**known, key: min(index, known.get(key, index))})
    return members


def _listed_anew(before: Member | None, member: Member) -> Member:
    """Return how a member is listed who asks for it anew: its log's former keys stay, and so does what is distrusted."""
    if before is None:
        return member
    former = tuple(key for key in before.log if key not in member.log)
    cuts = [{str(key): index for key, index in one.distrusted.items()} for one in (member, before)]
    distrusted = earliest(*cuts)
    return replace(member, log=(*former, *member.log)[-MAX_KEYS:], distrusted={Sha256(key): at for key, at in distrusted.items()})


def settle(federation: Federation, proposal: Proposal) -> Federation:
    """Return the federation after a proposal that enough members signed; raises as `hanse.sign.proposal.apply`."""
    if proposal.name != federation.name:
        raise Conflict(f"the proposal is of {proposal.name}, not of {federation.name}")
    after = replace(federation, trusted=apply(federation.trusted, proposal), files=proposal.files or federation.files)
    _ = after.members, key_owners(after)  # lists that nobody could read must not become the federation's
    return after


def key_owners(federation: Federation) -> dict[str, Origin]:
    """Return which member brought each key that signs changes, by its fingerprint, as far as that was written down.

    Raises BadFormat, TooLarge or BadRepoId for a list that is none.
    """
    told = parse_strict(federation.files.get(KEYS, b"{}"), "a list of keys", MAX_KEYS_BYTES).get("keys", {})
    if type(told) is not dict or any(type(origin) is not str for origin in told.values()):
        raise BadFormat("a list of keys has an origin for each fingerprint")
    return {fingerprint: parse_origin(origin) for fingerprint, origin in told.items()}


def _key_file(owners: Mapping[str, Origin]) -> bytes:
    return canonical({"v": 1, "keys": dict(owners)})


def root_keys(trusted: TrustedFederation) -> tuple[PublicKey, ...]:
    """Return the keys that sign the federation's changes, in the order of the root."""
    return _public_keys(trusted.root)


def _public_keys(root: Metadata[Root]) -> tuple[PublicKey, ...]:
    listed = root.signed.keys
    return tuple(PublicKey.from_pem(_pem(listed[keyid].to_dict())) for keyid in root.signed.roles[ROOT].keyids)


def _pem(key: Mapping[str, object]) -> str:
    value = key["keyval"]
    public = str(value["public"]) if isinstance(value, dict) else ""
    if key["keytype"] == "ed25519":
        return PublicKey.from_raw(Scheme.ED25519, bytes.fromhex(public)).pem
    return public


def _keys(trusted: TrustedFederation, owners: Mapping[str, Origin], change: Change) -> tuple[PublicKey, ...]:
    kept = {one.fingerprint: one for one in root_keys(trusted)}
    for fingerprint in change.retire:
        found = [known for known in kept if known.startswith(fingerprint)]
        if len(found) != 1:
            raise NotFoundError(
                f"{len(found)} keys of the federation begin with {fingerprint[:64]}", hint="hanse federation status"
            )
        del kept[found[0]]
    gone = {*change.remove, *(one.member.origin for one in change.add)}  # who is listed anew brings a key
    kept = {known: key for known, key in kept.items() if owners.get(known) not in gone}
    return tuple((kept | {one.key.fingerprint: one.key for one in change.add}).values())


def _files(members: Members, old: Mapping[str, bytes], told: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of these members: the list, a tlog-policy for each log, the content policy and the rules for copies.

    told: those of the last two that are new; the others stay.
    """
    kept = {name: old[name] for name in (POLICY, COPIES) if name in old}
    files = {MEMBERS: members.encode()} | kept | dict(told)
    for member in members.members.values():
        name = tlog_policy_name(member.origin)
        text = _tlog_policy(member, [one for one in members.members.values() if one.origin != member.origin])
        files[name] = text if text is not None else old.get(name, b"")
    return {name: data for name, data in files.items() if data}


def _tlog_policy(member: Member, others: Iterable[Member]) -> bytes | None:
    """Return the policy for a member's log: so many of the others' witnesses that two quorums share an honest one.

    Who only publishes files cosigns nothing.
    """
    counted = {
        one.origin: [key for key in one.witness if key.public.fingerprint not in one.distrusted]
        for one in others
        if not one.static
    }
    witnesses: dict[str, NoteKey] = {origin: _cosigning(keys) for origin, keys in counted.items() if keys}
    if not witnesses:
        return None
    faulty = FAULTY if len(witnesses) > 3 else 0
    return make_tlog_policy(
        member.log[-1], witnesses, smallest_quorum(len(witnesses), faulty), f"{member.addresses[0]}/log"
    ).encode()


def _cosigning(keys: Sequence[NoteKey]) -> NoteKey:
    """Return the newest key of a witness that every reader can ask for: Ed25519, else ML-DSA-44."""
    return [*(key for key in keys if key.kind != COSIGNATURE), *(key for key in keys if key.kind == COSIGNATURE)][-1]


def _until(now: int) -> datetime:
    return datetime.fromtimestamp(now + YEAR, tz=UTC)


def explain(federation: Federation, proposal: Proposal) -> list[str]:
    """Return what a proposal changes, a line each, for whoever is asked to sign it."""
    before, after = federation.members.members, _members_after(federation, proposal)
    lines = [f"{after[one].title} ({one}) joins" for one in sorted(after.keys() - before.keys())]
    lines += [f"{before[one].title} ({one}) is taken off the list" for one in sorted(before.keys() - after.keys())]
    lines += _left_behind(federation, sorted(before.keys() - after.keys()))
    for origin in sorted(before.keys() & after.keys()):
        old, new = before[origin].to_json(), after[origin].to_json()
        told = {name: (_word(name, old[name]), _word(name, new[name])) for name in old if old[name] != new[name]}
        lines += [f"{origin}: {name} from {first} to {then}" for name, (first, then) in told.items()]
    if proposal.root:
        old_role, new_role = federation.trusted.role(ROOT), _role_after(proposal)
        lines += _explain_keys(federation, proposal)
        if (old_role.need, len(old_role.keys)) != (new_role[0], len(new_role[1])):
            then, now = f"{new_role[0]} of {len(new_role[1])} keys", f"{old_role.need} of {len(old_role.keys)}"
            lines.append(f"a change of the federation needs {then} from now on; until now it needed {now}")
    if proposal.files.get(POLICY) != federation.files.get(POLICY):
        lines.append("the defaults of the content policy change")
    if proposal.files.get(COPIES) != federation.files.get(COPIES):
        lines.append("the rules for copies change")
    lines += _explain_owners(federation, proposal) + _explain_files(federation, proposal)
    return lines or ["nothing but the version and the date of expiry"]


def _left_behind(federation: Federation, gone: Iterable[Origin]) -> list[str]:
    known = set(key_owners(federation).values())
    return [
        f"which key {one} has is written nowhere: it goes on signing unless --retire FINGERPRINT names it"
        for one in gone
        if one not in known
    ]


def _explain_keys(federation: Federation, proposal: Proposal) -> list[str]:
    """Return which keys come and go, and whose they are; a member who goes and leaves a key behind is told of, too."""
    later = parse_metadata(proposal.root, ROOT)
    before = {one.fingerprint for one in root_keys(federation.trusted)}
    after = {one.fingerprint for one in _public_keys(later)}
    was, will = key_owners(federation), key_owners(replace(federation, files=proposal.files or federation.files))
    lines = [f"the key {one[:16]} of {will.get(one, 'nobody who is named')} signs from now on" for one in sorted(after - before)]
    lines += [f"the key {one[:16]} of {was.get(one, 'nobody who is named')} signs no more" for one in sorted(before - after)]
    anew = {will[one] for one in after - before if one in will} & federation.members.members.keys()
    return lines if before - after else lines + _left_behind(federation, sorted(anew))


def _explain_owners(federation: Federation, proposal: Proposal) -> list[str]:
    """Return which keys that sign before and after are named for somebody else: they go with him when he goes."""
    before = {one.fingerprint for one in root_keys(federation.trusted)}
    stay = before & {one.fingerprint for one in _public_keys(parse_metadata(proposal.root, ROOT))} if proposal.root else before
    was, will = key_owners(federation), key_owners(replace(federation, files=proposal.files or federation.files))
    return [
        f"the key {one[:16]} counts as that of {will.get(one, 'nobody')}, until now as that of {was.get(one, 'nobody')}: it goes"
        " when he is taken off the list, or brings another"
        for one in sorted(stay)
        if was.get(one) != will.get(one)
    ]


def _explain_files(federation: Federation, proposal: Proposal) -> list[str]:
    """Return which files change otherwise than the list of members has it: whoever proposes may write what he likes."""
    named = {name: proposal.files[name] for name in (POLICY, COPIES, KEYS) if name in proposal.files}
    made = _files(Members.of(federation.name, _members_after(federation, proposal).values()), federation.files, named)
    return [
        f"{name[:200]} is not what the list of members makes it"
        for name in sorted(proposal.files.keys() | made.keys() if proposal.files else ())
        if name != MEMBERS and proposal.files.get(name) not in (made.get(name), federation.files.get(name))
    ]


def _members_after(federation: Federation, proposal: Proposal) -> Mapping[Origin, Member]:
    return parse_members(proposal.files[MEMBERS]).members if MEMBERS in proposal.files else federation.members.members


def _role_after(proposal: Proposal) -> tuple[int, list[str]]:
    role = json.loads(proposal.root)["signed"]["roles"][TARGETS]
    return int(role["threshold"]), [str(one) for one in role["keyids"]]


def _word(name: str, value: object) -> str:
    if name == "capacity" and isinstance(value, int):
        return amount_text(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 120 else text[:117] + "..."
