"""What is known of evaluations of a revision in the Hub's form: what its files in `.eval_results` claim, then what logs list.

The former is its publisher's word, which nobody here checked. The latter are records (`.evaluations.hubform`): their source leads
to this node, and their notes say who checked them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from hanse.content.card import parse_yaml
from hanse.content.directory import Folder
from hanse.db.repos import Repo
from hanse.errors import BadFormat, HanseError
from hanse.evals.exchange.evalresults import shown_entries
from hanse.flows.admission import is_open
from hanse.flows.evaluations.hubform import logged_results
from hanse.flows.index import read_small
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.flows.scanner import Recent
from hanse.model.digest import Sha256
from hanse.model.entry import Entry

FOLDER = ".eval_results"
MAX_FILES = 20
MAX_BYTES = 32 * 1024
"""Of all files of a revision together."""
_known: Recent[tuple[Sha256, str], list[dict[str, Any]]] = Recent(1_000)


def eval_results(node: Node, repo: Repo, rev: str, listing: RevisionListing, base: str) -> list[dict[str, Any]] | None:
    """Return the Hub's `evalResults` of a revision, None if there are none. base: address of this node as the caller sees it.

    A file that does not parse is an entry with `filename` and `error`, and so is what is beyond 20 files or 32 KiB; records that
    cannot be read are left out.
    """
    shown = _claimed(node, repo, listing)
    with suppress(HanseError):
        shown += logged_results(node, repo, rev, base)
    return shown or None


def _claimed(node: Node, repo: Repo, listing: RevisionListing) -> list[dict[str, Any]]:
    """Return what files claim that everybody may see."""
    if not isinstance(listing.directory.get(FOLDER), Folder):
        return []
    shown: list[dict[str, Any]] = []
    left = MAX_BYTES
    for entry in islice(_files(node, repo, listing), MAX_FILES):
        if entry.size > left:
            shown.append(_error(entry, f"files in {FOLDER} have at most {MAX_BYTES:,} bytes together"))
            continue
        left -= entry.size
        key = (entry.sha256, entry.path)
        known = _known.get(key)
        if known is None:
            known = _read(node, entry)
            _known.put(key, known)
        shown += known
    return shown


def _files(node: Node, repo: Repo, listing: RevisionListing) -> Iterator[Entry]:
    for item in listing.directory.list_folder(FOLDER):
        if isinstance(item, Entry) and item.path.endswith((".yaml", ".yml")) and is_open(node, repo, item):
            yield item


def _read(node: Node, entry: Entry) -> list[dict[str, Any]]:
    try:
        raw = read_small(node, entry, MAX_BYTES)
        if raw is None:
            raise BadFormat("its bytes are not here")
        return shown_entries(parse_yaml(raw.decode("utf-8")))
    except UnicodeDecodeError:
        return [_error(entry, "it is not UTF-8")]
    except HanseError as error:
        return [_error(entry, error.message)]


def _error(entry: Entry, says: str) -> dict[str, Any]:
    return {"filename": entry.path, "error": says[:300]}
