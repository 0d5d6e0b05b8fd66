"""Who may fetch what lies behind an evaluation's roots: its item table, its transcript."""

from __future__ import annotations

from enum import Enum


class Tier(str, Enum):
    """Everybody who may see the revision, members of the federation, or only the institution that ran it."""

    PUBLIC = "public"
    FEDERATION = "federation"
    MEMBER = "member"
