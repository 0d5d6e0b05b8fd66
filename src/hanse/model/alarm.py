"""Alarms: what whoever replays a log must tell somebody, although the log as such is in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hanse.model.repo import Origin


class AlarmKind(str, Enum):
    """What an alarm is about.

    key-change, owner-change: a new key without a hand-over by an earlier one, of a node or of a namespace; contradiction: the
    owner signed another position than the log has.
    """

    KEY_CHANGE = "key-change"
    OWNER_CHANGE = "owner-change"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something seen in the log of `origin` at `index`.

    namespace, type, repo: what it is about, "" where that does not apply; says: one plain sentence; evidence: leaves as they are
    in the log, which anybody can check.
    """

    kind: AlarmKind
    origin: Origin
    index: int
    says: str
    evidence: tuple[bytes, ...]
    namespace: str = ""
    type: str = ""
    repo: str = ""
