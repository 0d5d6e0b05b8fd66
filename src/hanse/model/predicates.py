"""Predicate types that the catalogue tells apart; all of them are in `hanse.sign.statement`, with what they say."""

from __future__ import annotations

AUDIT = "https://hanse/audit/v1"
"""An audit of another member: about him, more than about the revision that it names."""
OBSERVATION = "https://hanse/observation/v1"
"""An upstream's ref was seen at a revision: each observer says it for himself, and his map of refs says the same."""
EVALUATION = "https://hanse/evaluation/v1"
"""An evaluation record: several, of different suites, may be about one revision."""
COUNTERSIGNATURE = "https://hanse/countersignature/v1"
"""What another institution found when it checked a record."""
REPEATED = (EVALUATION, COUNTERSIGNATURE)
"""Kinds of which one institution makes many about one revision: none stands in for an older one."""
