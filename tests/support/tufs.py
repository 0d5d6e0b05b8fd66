"""A federation's TUF metadata for tests: keys of institutions, roots and targets signed by some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Role, Root, TargetFile, Targets

EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)


class Council:
    """Institutions with a key each, in an order; `need` of those in `seats` sign."""

    def __init__(self, size: int = 5, need: int = 3) -> None:
        self.signers = [CryptoSigner.generate_ed25519() for _ in range(size)]
        self.seats = list(range(size))
        self.need = need

    def root(self, version: int, by: Sequence[int], *, expires: datetime = EXPIRES) -> bytes:
        """Return a root of the present seats, signed by these institutions."""
        keys: dict[str, Key] = {self.signers[seat].public_key.keyid: self.signers[seat].public_key for seat in self.seats}
        role = Role(list(keys), self.need)
        roles = {name: Role(list(role.keyids), role.threshold) for name in ("root", "targets", "snapshot", "timestamp")}
        return self._signed(Metadata(Root(version, expires=expires, keys=keys, roles=roles)), by)

    def targets(self, version: int, by: Sequence[int], files: Mapping[str, bytes] | None = None) -> bytes:
        """Return targets that list these files, signed by these institutions."""
        listed = {name: TargetFile(len(data), {"sha256": sha256(data).hexdigest()}, name) for name, data in (files or {}).items()}
        return self._signed(Metadata(Targets(version, expires=EXPIRES, targets=listed)), by)

    def _signed(self, metadata: Metadata[Root] | Metadata[Targets], by: Sequence[int]) -> bytes:
        for seat in by:
            metadata.sign(self.signers[seat], append=True)
        return metadata.to_bytes()
