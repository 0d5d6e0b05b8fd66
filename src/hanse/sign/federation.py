"""What is trusted of a federation: TUF metadata, of which a reader has one root and walks on from there (TUF 1.0, python-tuf).

Roles root and targets, both m of n; nothing is 1 of n. Timestamp and snapshot are not used: a single online key could
fast-forward versions or hold newcomers on old files. That a version is the newest follows from the `member` leaves in logs
(`newest`), which others cosigned. Rules beyond TUF's:

- A root is followed one version at a time, signed by the thresholds of the old one and its own (TUF 5.3).
- Targets are followed one version at a time, too: a jump is refused, and so are two targets of one version.
- A key counts once, under whatever id it is listed.
- Targets delegate to nobody.

Pure: bytes go in, a new `TrustedFederation` comes out; nothing is fetched or stored here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError

from hanse.errors import BadFormat, BadProof, BadSignature, DigestMismatch, Equivocation, NotFoundError, RolledBack, TooLarge
from hanse.model.digest import Sha256
from hanse.model.strictjson import parse_strict

MAX_METADATA_BYTES = 1024 * 1024
MAX_TARGETS = 1024
MAX_TARGET_BYTES = 8 * 1024 * 1024
MAX_SIGNERS = 256
ROOT, TARGETS = "root", "targets"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Who signs a role: `need` of the keys with these fingerprints of their public part (key ids of the metadata)."""

    need: int
    keys: tuple[str, ...]

    @property
    def one_can_block(self) -> bool:
        """Whether one holder of a key can prevent every change."""
        return self.need == len(self.keys)

    @property
    def one_can_change(self) -> bool:
        """Whether one holder of a key can change everything by himself."""
        return self.need == 1

    @property
    def split(self) -> bool:
        """Whether two groups without a common member could each sign a version of their own."""
        return 2 * self.need <= len(self.keys)


@dataclass(frozen=True, slots=True)
class TrustedFederation:
    """A root that is trusted, and the newest targets seen, None before the first. Made by `start`, changed by updates.

    root_data, targets_data: the files. After a change of keys the targets may be ones that the present root does not sign: then
    they list nothing (`targets_trusted`), but nothing older is taken after them either.
    """

    root_data: bytes
    root: Metadata[Root]
    targets_data: bytes = b""
    targets: Metadata[Targets] | None = None

    @classmethod
    def start(cls, data: bytes) -> TrustedFederation:
        """Return what to begin with: a root that is trusted because of where it came from; its own threshold signed it.

        Raises BadFormat, TooLarge or BadSignature.
        """
        root = parse_metadata(data, ROOT)
        _check_root(root.signed)
        _check_signed(root.signed, ROOT, root)
        return cls(data, root)

    @property
    def root_version(self) -> int:
        """Version of the root, from 1."""
        return self.root.signed.version

    @property
    def targets_version(self) -> int:
        """Version of the targets, 0 before the first."""
        return self.targets.signed.version if self.targets else 0

    @property
    def targets_trusted(self) -> bool:
        """Whether the targets are signed as the present root asks."""
        return self.targets is not None and _is_signed(self.root.signed, TARGETS, self.targets)

    @classmethod
    def resume(cls, root: bytes, targets: bytes) -> TrustedFederation:
        """Return what was trusted before, from its own files; targets: empty for none. Raises as `start`."""
        begun = cls.start(root)
        return replace(begun, targets=parse_metadata(targets, TARGETS), targets_data=targets) if targets else begun

    def role(self, name: str) -> Threshold:
        """Return who signs `root` or `targets`."""
        found = self.root.signed.get_delegated_role(name)
        return Threshold(found.threshold, tuple(sorted(found.keyids)))

    def with_root(self, data: bytes) -> TrustedFederation:
        """Return what is trusted after the next root; targets must then be signed by its keys.

        What says the same again changes nothing. Raises BadFormat, TooLarge; RolledBack for an older version, Equivocation for
        another root of this version, BadProof for a jump, BadSignature if either threshold is missed.
        """
        new = parse_metadata(data, ROOT)
        if _is_same(ROOT, self.root, self.root_data, new, data):
            return self
        _check_root(new.signed)
        _check_signed(self.root.signed, ROOT, new)
        _check_signed(new.signed, ROOT, new)
        return replace(self, root=new, root_data=data)

    def with_targets(self, data: bytes) -> TrustedFederation:
        """Return what is trusted after the next targets; the first ones may have any version.

        Raises as `with_root`; only one threshold counts, the root's for targets.
        """
        new = parse_metadata(data, TARGETS)
        same = self.targets is not None and _is_same(TARGETS, self.targets, self.targets_data, new, data)
        if same and self.targets_trusted:
            return self
        if new.signed.delegations is not None or len(new.signed.targets) > MAX_TARGETS:
            raise BadFormat(f"targets of a federation delegate to nobody and list at most {MAX_TARGETS} files")
        _check_signed(self.root.signed, TARGETS, new)
        return replace(self, targets=new, targets_data=data)

    def check_newest(self, newest: Mapping[str, int]) -> None:
        """Check that nothing newer is known, such as from `member` leaves: role -> version; raises RolledBack."""
        for role, have in ((ROOT, self.root_version), (TARGETS, self.targets_version)):
            if newest.get(role, 0) > have:
                raise RolledBack(
                    f"the federation's {role} is at version {have} here, and a log has seen version {newest[role]}",
                    hint="get the newer files from any member",
                )

    def check_current(self, now: int) -> None:
        """Check that nothing has expired at `now` (seconds since 1970); raises BadProof, and NotFoundError without targets."""
        if self.targets is None or not self.targets_trusted:
            raise NotFoundError("the federation's targets are not known yet", hint="get them from any member")
        for role, signed in ((ROOT, self.root.signed), (TARGETS, self.targets.signed)):
            if signed.expires.timestamp() <= now:
                raise BadProof(
                    f"the federation's {role}, version {signed.version}, expired at {signed.expires:%Y-%m-%d %H:%M}Z",
                    hint="get a newer one: hanse trust update, or hanse federation update on a node",
                )

    def listed(self) -> dict[str, tuple[Sha256, int]]:
        """Return SHA-256 and size in bytes of every file that the targets list."""
        files = self.targets.signed.targets if self.targets and self.targets_trusted else {}
        return {name: (Sha256(str(one.hashes.get("sha256", ""))), int(one.length)) for name, one in files.items()}

    def check_target(self, name: str, data: bytes) -> bytes:
        """Return `data` if it is the file of this name that the targets list; raises NotFoundError or DigestMismatch."""
        wanted = self.listed().get(name)
        if wanted is None:
            raise NotFoundError(f"the federation lists no file {name[:120]!r}")
        found = sha256(data).hexdigest(), len(data)
        if wanted != found:
            raise DigestMismatch(
                f"expected {name} with sha256 {wanted[0]} and {wanted[1]} bytes, got {found[0]} and {found[1]}",
                hint="get it from another member",
            )
        return data


def count_signers(root: Metadata[Root], role: str, metadata: Metadata[Any]) -> tuple[int, int]:
    """Return how many keys of a role validly signed metadata, and how many of them have to, by what `root` says."""
    result = root.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return len(result.signed), result.threshold


def parse_metadata(data: bytes, role: str) -> Metadata[Any]:
    """Return the TUF metadata of a role (`root` or `targets`), no signature checked; raises BadFormat or TooLarge."""
    parse_strict(data, "metadata of a federation", MAX_METADATA_BYTES)
    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
    except DeserializationError as error:
        raise BadFormat(f"expected TUF metadata: {error.__cause__ or error}"[:300]) from error
    kind = Root if role == ROOT else Targets
    if not isinstance(found.signed, kind):
        raise BadFormat(f"expected TUF metadata of type {role}, got {found.signed.type}")
    if len(found.signatures) > MAX_SIGNERS:
        raise TooLarge(f"metadata of a federation has at most {MAX_SIGNERS} signatures")
    return found


def _check_root(root: Root) -> None:
    """Raise BadFormat unless the roles are made of distinct keys, enough of them."""
    material: dict[tuple[str, str], str] = {}
    for keyid, key in root.keys.items():
        known = (key.keytype, str(key.keyval.get("public")))
        if known in material:
            raise BadFormat(f"key ids {material[known][:16]} and {keyid[:16]} are of one key, which would count twice")
        material[known] = keyid
    for name in (ROOT, TARGETS):
        role = root.roles[name]
        if not 1 <= role.threshold <= len(role.keyids) <= MAX_SIGNERS or any(one not in root.keys for one in role.keyids):
            raise BadFormat(f"role {name} needs {role.threshold} of {len(role.keyids)} keys: nobody could ever sign it")


def _check_signed(root: Root, role: str, metadata: Metadata[Any]) -> None:
    try:
        result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise BadSignature(f"{role} cannot be verified: {error}") from error
    if not result:
        raise BadSignature(
            f"{role} version {metadata.signed.version} is signed by {len(result.signed)} of the {result.threshold} that it needs"
            f" by root version {root.version}",
            hint="collect the missing signatures, or get the version in between",
        )


def _is_signed(root: Root, role: str, metadata: Metadata[Any]) -> bool:
    return bool(root.get_verification_result(role, metadata.signed_bytes, metadata.signatures))


def _is_same(role: str, old: Metadata[Any], old_data: bytes, new: Metadata[Any], new_data: bytes) -> bool:
    """Tell whether `new` says what `old` says, perhaps with other signatures; raises unless it is that or the next version."""
    have, got = old.signed.version, new.signed.version
    if got == have and new.signed_bytes == old.signed_bytes:
        return True
    if got < have:
        raise RolledBack(f"the federation's {role} is at version {have}, and version {got} is shown")
    if got == have:
        says = f"there are two {role} files of version {have}"
        raise Equivocation(says, evidence=(old_data, new_data), hint="keep both: they prove it")
    if got != have + 1:
        raise BadProof(f"version {got} of the federation's {role} does not follow version {have}", hint="get those in between")
    return False
