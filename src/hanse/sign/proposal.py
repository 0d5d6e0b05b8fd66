"""A change of a federation on its way to a threshold: one file that travels by any channel and collects signatures.

It holds the next root, the next targets, or both, and the files that the targets list. Copies that were signed by different
members are put together (`merge`); when the thresholds are met, `apply` makes the federation's new state of it, by exactly the
rules by which readers follow (`hanse.sign.federation`).

JSON, RFC 8785: `{"v":1,"federation":NAME,"root":TUF or absent,"targets":TUF or absent,"files":{NAME:base64}}`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_public_key
from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api.metadata import Metadata, Role, Root, TargetFile, Targets

from hanse.errors import BadFormat, Conflict
from hanse.model.canonical import canonical
from hanse.model.publickey import PublicKey, Signer
from hanse.model.repo import Origin, parse_origin
from hanse.model.strictjson import parse_strict
from hanse.sign.federation import MAX_TARGET_BYTES, MAX_TARGETS, ROOT, TARGETS, TrustedFederation, count_signers, parse_metadata

MAX_PROPOSAL_BYTES = 16 * 1024 * 1024
VERSION = 1
_ROLES = (ROOT, TARGETS, "snapshot", "timestamp")
"""TUF wants all four to exist; the last two are given the same keys and threshold, and nothing of them is ever used."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that is proposed. name: of the federation; root, targets: next metadata as bytes, empty if it stays as it is.

    files: content of the files that the new targets list.
    """

    name: Origin
    root: bytes = b""
    targets: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, bytes]:
        """The metadata that is proposed, by role, roots first: targets are signed by those whom a new root names."""
        return {role: data for role, data in ((ROOT, self.root), (TARGETS, self.targets)) if data}

    def encode(self) -> bytes:
        """Return the file."""
        told: dict[str, Any] = {"v": VERSION, "federation": self.name}
        told |= {role: json.loads(data) for role, data in self.parts.items()}
        return canonical(told | {"files": {name: base64.b64encode(data).decode() for name, data in self.files.items()}})


def parse_proposal(data: bytes) -> Proposal:
    """Return the proposal in a file; raises BadFormat, TooLarge or BadRepoId. Nothing in it is trusted."""
    told = parse_strict(data, "a proposal", MAX_PROPOSAL_BYTES)
    if told.get("v") != VERSION or not {"v", "federation", "files"} <= set(told) <= {"v", "federation", "files", ROOT, TARGETS}:
        raise BadFormat(f"a proposal has v {VERSION}, federation, files, and root or targets", hint="a newer Hanse may be needed")
    files = told["files"]
    if type(told["federation"]) is not str or type(files) is not dict or len(files) > MAX_TARGETS:
        raise BadFormat(f"a proposal names a federation and holds at most {MAX_TARGETS} files")
    parts = {role: _metadata(told[role], role) for role in (ROOT, TARGETS) if role in told}
    if not parts:
        raise BadFormat("a proposal changes the root or the targets")
    found = {name: _file(name, text) for name, text in files.items()}
    return Proposal(parse_origin(told["federation"]), parts.get(ROOT, b""), parts.get(TARGETS, b""), found)


def make_root(version: int, keys: Iterable[PublicKey], need: int, expires: datetime) -> bytes:
    """Return an unsigned root: `need` of these keys sign every role. expires: aware.

    Raises BadFormat for a threshold that nobody could meet or a key that is listed twice.
    """
    listed: dict[str, Key] = {}
    for public in keys:
        key = tuf_key(public)
        if key.keyid in listed:
            raise BadFormat(f"the key {public.fingerprint[:16]} is listed twice")
        listed[key.keyid] = key
    if not 1 <= need <= len(listed):
        raise BadFormat(
            f"{need} of {len(listed)} keys is no threshold",
            hint="name another one in the same proposal: --need M, with a key for each",
        )
    roles = {name: Role(list(listed), need) for name in _ROLES}
    return Metadata(Root(version, expires=expires, keys=listed, roles=roles)).to_bytes()


def make_targets(version: int, files: Mapping[str, bytes], expires: datetime) -> bytes:
    """Return unsigned targets that list these files; raises BadFormat for too many or too large ones."""
    if len(files) > MAX_TARGETS or any(len(data) > MAX_TARGET_BYTES for data in files.values()):
        raise BadFormat(f"a federation lists at most {MAX_TARGETS} files of {MAX_TARGET_BYTES:,} bytes")
    listed = {name: TargetFile(len(data), {"sha256": sha256(data).hexdigest()}, name) for name, data in files.items()}
    return Metadata(Targets(version, expires=expires, targets=listed)).to_bytes()


def tuf_key(public: PublicKey) -> Key:
    """Return a key as TUF metadata lists it, under the id that securesystemslib gives it."""
    return SSlibKey.from_crypto(load_der_public_key(public.der))


def sign_proposal(proposal: Proposal, signer: Signer) -> Proposal:
    """Return the proposal with this signer's signature under everything that it changes, in place of an older one of his."""
    keyid = tuf_key(signer.public).keyid
    signed = {role: _signed(data, role, keyid, signer) for role, data in proposal.parts.items()}
    return replace(proposal, root=signed.get(ROOT, b""), targets=signed.get(TARGETS, b""))


def merge(proposals: Sequence[Proposal]) -> Proposal:
    """Return one proposal with the signatures of all copies; raises Conflict unless they propose the same, BadFormat for none."""
    if not proposals:
        raise BadFormat("there is no proposal")
    first = proposals[0]
    parts = {role: [parse_metadata(data, role)] for role, data in first.parts.items()}
    for other in proposals[1:]:
        if (other.name, other.files, set(other.parts)) != (first.name, first.files, set(first.parts)):
            raise Conflict("these are different proposals", hint="put copies of one proposal together")
        for role, data in other.parts.items():
            parts[role].append(parse_metadata(data, role))
    merged = {role: _merged(copies) for role, copies in parts.items()}
    return replace(first, root=merged.get(ROOT, b""), targets=merged.get(TARGETS, b""))


def lacking(trusted: TrustedFederation, proposal: Proposal) -> list[str]:
    """Return what is missing until a proposal can be published, a line for each threshold; empty if nothing is."""
    found = []
    after = trusted.root
    if proposal.root:
        after = parse_metadata(proposal.root, ROOT)
        checks = (("the present root's keys", trusted.root), ("the new root's keys", after))
        found += [_lack(ROOT, whose, *count_signers(root, ROOT, after)) for whose, root in checks]
    if proposal.targets:
        targets = parse_metadata(proposal.targets, TARGETS)
        found.append(_lack(TARGETS, "the keys in force then", *count_signers(after, TARGETS, targets)))
    return [line for line in found if line]


def _lack(role: str, whose: str, have: int, need: int) -> str:
    return f"{role} is signed by {have} of the {need} that it needs of {whose}" if have < need else ""


def apply(trusted: TrustedFederation, proposal: Proposal) -> TrustedFederation:
    """Return what is trusted after a proposal that enough members signed, every listed file checked.

    Raises as `TrustedFederation.with_root` and `with_targets`; DigestMismatch or NotFoundError for a file that is not the listed
    one, BadFormat if one is missing.
    """
    after = trusted.with_root(proposal.root) if proposal.root else trusted
    after = after.with_targets(proposal.targets) if proposal.targets else after
    for name, data in proposal.files.items():
        after.check_target(name, data)
    missing = set(after.listed()) - set(proposal.files) if proposal.targets else set()
    if missing:
        raise BadFormat(f"the proposal does not hold {', '.join(sorted(missing)[:5])}, which its targets list")
    return after


def _metadata(told: Any, role: str) -> bytes:
    data = json.dumps(told).encode()
    parse_metadata(data, role)
    return data


def _file(name: str, text: Any) -> bytes:
    try:
        data = base64.b64decode(text if type(text) is str else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadFormat(f"the file {name[:120]!r} of a proposal is base64") from error
    if len(data) > MAX_TARGET_BYTES:
        raise BadFormat(f"the file {name[:120]!r} has more than {MAX_TARGET_BYTES:,} bytes")
    return data


def _signed(data: bytes, role: str, keyid: str, signer: Signer) -> bytes:
    metadata = parse_metadata(data, role)
    metadata.signatures[keyid] = Signature(keyid, signer.sign(metadata.signed_bytes).hex())
    return metadata.to_bytes()


def _merged(copies: Sequence[Metadata[Any]]) -> bytes:
    first = copies[0]
    for other in copies[1:]:
        if other.signed_bytes != first.signed_bytes:
            raise Conflict("these are different proposals", hint="put copies of one proposal together")
        for keyid, signature in other.signatures.items():
            first.signatures.setdefault(keyid, signature)
    return first.to_bytes()
