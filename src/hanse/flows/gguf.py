"""What is told about the GGUF files of a repository: the summary of the first one whose content everybody may see."""

from __future__ import annotations

from typing import Any

from hanse.db import blobs
from hanse.db.repos import Repo
from hanse.errors import HanseError
from hanse.flows.admission import is_open
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.scanner import Recent
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.scan.ggufsummary import summarise

_KEPT = 1_000
_known: Recent[Sha256, dict[str, Any]] = Recent(_KEPT)


def gguf_summary(node: Node, repo: Repo, listing: RevisionListing) -> dict[str, Any] | None:
    """Return the Hub's `gguf` object for a revision, None if it has no GGUF file that can be told of.

    Hubs show one file for the repository; the first by name at the root, which for a file in several parts is the one that has
    the metadata.
    """
    found = (item for item in listing.directory.list_folder() if isinstance(item, Entry) and item.path.endswith(".gguf"))
    entry = next(found, None)
    if entry is None or not is_open(node, repo, entry):
        return None
    known = _known.get(entry.sha256)
    if known is None:
        known = _summary(node, entry)
        _known.put(entry.sha256, known)
    return known or None


def _summary(node: Node, entry: Entry) -> dict[str, Any]:
    """Return the summary, empty if there is none: what does not parse is not tried again."""
    with node.db.read() as conn:
        row = blobs.get_by_xet(conn, [entry.xet]).get(entry.xet)
    try:
        return {} if row is None else summarise(open_file(node, row)) or {}
    except HanseError:
        return {}
