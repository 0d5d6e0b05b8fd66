"""The node's keys."""

from __future__ import annotations

from dataclasses import dataclass

from hanse.model.publickey import Signer


@dataclass(frozen=True, slots=True)
class Keyring:
    """The node's signers, one for each use."""

    log: Signer
    witness: Signer
    mirror: Signer
    attest: Signer
    ref: Signer
