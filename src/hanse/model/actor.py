"""Who asks: the account behind a token, with its rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_RANK = {"read": 0, "contributor": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a flow, already authenticated.

    account_id, name: None for an anonymous caller; role: `read`, `write` or `evaluate`, of the token used; admin: node operator;
    orgs: case-folded organisation name -> `read`, `contributor`, `write` or `admin`.
    """

    account_id: int | None = None
    name: str | None = None
    admin: bool = False
    role: str = "read"
    orgs: Mapping[str, str] = field(default_factory=dict)

    @property
    def anonymous(self) -> bool:
        """Tell whether no account stands behind the call."""
        return self.account_id is None

    def belongs(self, namespace: str) -> bool:
        """Tell whether the caller is the user or a member of the organisation `namespace` (any case)."""
        return self.admin or self._rank(namespace) >= 0

    def may_write(self, namespace: str) -> bool:
        """Tell whether the caller may change repositories of `namespace` with the token used."""
        return self.role == "write" and (self.admin or self._rank(namespace) >= _RANK["write"])

    def is_writer(self, namespace: str) -> bool:
        """Tell whether the caller is one who changes repositories of `namespace`, whatever the token used allows."""
        return self.admin or self._rank(namespace) >= _RANK["write"]

    def may_contribute(self, namespace: str) -> bool:
        """Tell whether the caller may create repositories in `namespace` with the token used."""
        return self.role == "write" and (self.admin or self._rank(namespace) >= _RANK["contributor"])

    def may_administer(self, namespace: str) -> bool:
        """Tell whether the caller may delete, move and gate repositories of `namespace` with the token used."""
        return self.role == "write" and (self.admin or self._rank(namespace) >= _RANK["admin"])

    def _rank(self, namespace: str) -> int:
        folded = namespace.lower()
        if self.name is not None and self.name.lower() == folded:
            return _RANK["admin"]
        return _RANK.get(self.orgs.get(folded, ""), -1)


ANONYMOUS = Actor()
