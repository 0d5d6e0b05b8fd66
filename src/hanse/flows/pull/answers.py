"""What a node makes of a question, whatever it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hanse.errors import HanseError


class State(str, Enum):
    """What a node makes of a question.

    shown: it has evidence; unsigned: it has the repository, and nobody signed the revision yet; absent: it has no such thing;
    claimed: it has no such thing, and the namespace is a member's; recalled: it had it, and gives it to nobody any more; gated:
    not to this caller; down: no answer.
    """

    SHOWN = "shown"
    UNSIGNED = "unsigned"
    ABSENT = "absent"
    CLAIMED = "claimed"
    RECALLED = "recalled"
    GATED = "gated"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """A node's answer.

    data: the evidence file if it shows one, also of what is recalled; says: its reason; revision: only the revision is absent;
    rev: commit id of what is recalled, empty if it does not say it; limited: not everybody who sees the repository may have its
    files.
    """

    node: str
    state: State
    data: bytes = b""
    says: str = ""
    revision: bool = False
    rev: str = ""
    error: HanseError | None = None
    limited: bool = False
