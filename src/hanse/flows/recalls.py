"""What this machine has learnt since a revision was received: that nobody gives it any more. Asks nobody.

The store of verified files has it from pulls, gateways and audits. Evidence cannot say it: what was signed stays signed.
"""

from __future__ import annotations

from pathlib import Path

from hanse.clock import rfc3339
from hanse.flows.pull.known import RECALLED, recall_key
from hanse.model.repo import RepoId, RepoType
from hanse.policy.decide import REMEDY
from hanse.store.held.index import kept_record


def recalls(store: Path, repo: RepoId | None, rev: str) -> tuple[str, ...]:
    """Return a line for the recall of a revision that the store in a folder knows of, none if it knows of none.

    Raises StorageError if there is a store that cannot be read.
    """
    found = None if repo is None else kept_record(store, RECALLED, recall_key(repo, rev))
    if repo is None or found is None:
        return ()
    says, at = found[0].decode("utf-8", "replace").partition(REMEDY)[0], rfc3339(found[1])
    asking = f"hanse pull {repo.path}@{rev}{' --repo-type dataset' if repo.type is RepoType.DATASET else ''}"
    return (f"recalled: {says}, as was learnt here on {at}{REMEDY}use another revision; if that was taken back since: {asking}",)
