"""Receipts of small revisions, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hanse.content.gitobjects import blob_id
from hanse.flows.policies import load_policy
from hanse.flows.receipts import policy_digest
from hanse.model.decision import Rung, State
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.model.receipt import JudgedBy, Receipt
from hanse.model.repo import Origin, RepoId, RepoType

REPO = RepoId(Origin("hub.example"), RepoType.MODEL, "org", "name")
REV = GitOid("1" * 40)
PULLED = 1_790_000_000


def receipt(files: Mapping[str, bytes], *, policy: str = "open") -> Receipt:
    """Return the receipt of files that nobody signed, received under a preset."""
    pins = tuple(
        FilePin(path, len(data), blob_id(data), lfs=False, sha256=Sha256(hashlib.sha256(data).hexdigest()))
        for path, data in sorted(files.items())
    )
    judged = JudgedBy(policy, policy_digest(load_policy(policy, Path("/nonexistent"))), State.ACCEPTED)
    return Receipt(REPO, REV, "main", "", complete=False, pulled=PULLED, as_of=PULLED, rung=Rung.LOCAL, policy=judged, files=pins)
