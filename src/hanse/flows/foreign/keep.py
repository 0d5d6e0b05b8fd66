"""Keeping what verified evidence of another member says about a copy, which can show it when its home is gone."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path

from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.flows.node import Node
from hanse.flows.pull.merge import Shown, merge
from hanse.flows.remembered import read_private, write_private
from hanse.model.digest import GitOid, parse_git_oid
from hanse.model.evidence import MAX_EVIDENCE_BYTES, parse_evidence
from hanse.store.durable import storage_errors


def keep_evidence(node: Node, repo: Repo, data: bytes) -> None:
    """Keep a verified evidence file about one revision of a copy, in the place of an older one; raises StorageError."""
    with storage_errors("keep evidence"):
        write_private(_path(node, repo, _rev(data)), data)


def with_kept(node: Node, repo: Repo, rev: GitOid, data: bytes) -> bytes:
    """Return the evidence file of a copy with what is kept about it."""
    kept = read_private(_path(node, repo, rev), MAX_EVIDENCE_BYTES)
    return data if kept is None else merge([Shown("here", data), Shown("kept", kept)]).data


def _path(node: Node, repo: Repo, rev: str) -> Path:
    return node.staging.root / "evidence" / f"{repo.id}-{rev}.jsonl"


def _rev(data: bytes) -> GitOid:
    """Return the commit id in the first manifest of a file."""
    for bundle in parse_evidence(data).bundles:
        with suppress(ValueError, KeyError, TypeError):
            payload = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
            return parse_git_oid(payload["predicate"]["rev"])
    raise BadFormat("the evidence has no manifest of a revision")
