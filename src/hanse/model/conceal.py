"""Concealment: how leaves and map keys name a repository that is not public (`docs/journal.md`)."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Any, TypeVar

from hanse.errors import BadFormat
from hanse.model.digest import Sha256
from hanse.model.leaf_fields import Payload, utf8
from hanse.model.ref_leaf import RefLeaf, RepoLeaf
from hanse.model.trust_leaf import AttestLeaf, WithdrawLeaf

SALT_BYTES = 32
_Leaf = TypeVar("_Leaf", bound=RefLeaf | RepoLeaf | AttestLeaf | WithdrawLeaf)


def conceal(leaf: _Leaf, salt: bytes) -> _Leaf:
    """Return the leaf as it is written for a repository that is not public.

    Every identifying field that is there (`hidden` of its kind) is replaced by `conceal_value` under `salt` (32 bytes, one per
    repository and visibility epoch); times, kinds, types and positions stay, and so does `prev`, which is the hash of the
    previous leaf as it was written, that is of the concealed one. Destroying the salt makes the leaf unreadable for ever.

    Raises BadFormat if the leaf is concealed or signed already (a ref leaf is signed as it is written), or the salt has
    another length.
    """
    if leaf.concealed:
        raise BadFormat("this leaf is concealed already")
    if isinstance(leaf, RefLeaf) and leaf.sig:
        raise BadFormat("a ref leaf is concealed first and signed then")
    clear = {name: value for name in leaf.hidden if (value := getattr(leaf, name)) is not None}
    hidden: dict[str, Any] = {name: _hide(salt, name, value) for name, value in clear.items()}
    return replace(leaf, **hidden)


def _hide(salt: bytes, name: str, value: str | Payload) -> Sha256 | Payload:
    if isinstance(value, Payload):
        return Payload(conceal_value(salt, name, value.sha256), None)
    return conceal_value(salt, name, value)


def conceal_value(salt: bytes, field: str, value: str) -> Sha256:
    """Return HMAC-SHA-256(salt, field || 0x00 || value) in hex, for leaves and map keys of repositories that are not public.

    field: the leaf's field name (`repo`, `ref`, `rev`, `tree`, `to`, `payload`, `key`, `sig`); value: the text the clear leaf
    would have (of a payload its digest), in UTF-8. Raises BadFormat unless the salt has 32 bytes and the texts can be
    written in UTF-8.
    """
    if len(salt) != SALT_BYTES:
        raise BadFormat(f"a salt has {SALT_BYTES} bytes, got {len(salt)}")
    return Sha256(hmac.digest(salt, utf8(field) + b"\x00" + utf8(value), "sha256").hex())
