"""The `copies` leaf: whether members of a federation may hold a repository that its home does not give to everybody.

`must` is false: it says nothing about what is latest. It names the repository in clear, since only such repositories are copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hanse.errors import BadFormat
from hanse.model.leaf_fields import check_head, enum, only, text
from hanse.model.repo import Origin, RepoType

_FIELDS = frozenset({"origin", "type", "repo", "allowed"})


@dataclass(frozen=True, slots=True)
class CopiesLeaf:
    """Members may hold copies of a gated repository, or may not any more.

    time: seconds since 1970-01-01 UTC; repo: `namespace/name` in lower case. It holds until the next leaf about the repository as
    a whole. Raises BadFormat or BadRepoId on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "copies"
    must: ClassVar[bool] = False

    time: int
    origin: Origin
    type: RepoType
    repo: str
    allowed: bool

    def __post_init__(self) -> None:
        check_head(self.time, self.origin, self.repo)
        if "/" not in self.repo:
            raise BadFormat("a copies leaf names its repository in clear: what is not public is not copied")

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        return {"origin": self.origin, "type": self.type.value, "repo": self.repo, "allowed": self.allowed}


def parse_copies_leaf(fields: dict[str, Any], time: int) -> CopiesLeaf:
    """Return the `copies` leaf with the fields of a JSON object; raises BadFormat or BadRepoId."""
    only(fields, _FIELDS)
    if type(fields["allowed"]) is not bool:
        raise BadFormat("allowed of a copies leaf is true or false")
    return CopiesLeaf(
        time, Origin(text(fields, "origin")), enum(RepoType, fields, "type"), text(fields, "repo"), fields["allowed"]
    )
