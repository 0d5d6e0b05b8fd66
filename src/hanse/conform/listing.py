"""What a server passes on of a hostile origin's metadata: info, tree, and the Xet hashes in them."""

from __future__ import annotations

import json
from typing import Any

from hanse.conform.outcome import Outcome, Verdict
from hanse.conform.subjects import Server

MAX_BYTES = 32 * 1024 * 1024
MAX_PAGES = 50
_BAD = ("..", ".git", "", ".")


def judge_listing(server: Server, repo: str, internal: str) -> tuple[Verdict, str]:
    """Return the verdict on info and tree as they are passed on. internal: address that pages must not lead to."""
    found = []
    for what, outcome in (("info", server.info(repo)), ("tree", server.tree(repo))):
        verdict, note = _one(outcome)
        found.append((verdict, f"{what}: {note}"))
        if verdict is Verdict.RIGHT and what == "tree":
            found.append(_pages(server, outcome, internal))
    worst = next((item for item in found if not item[0].ok), None)
    if worst is not None:
        return worst
    refused = next((item for item in found if item[0] is Verdict.REFUSED), None)
    return refused or (Verdict.RIGHT, "info and tree as they should be")


def _one(outcome: Outcome) -> tuple[Verdict, str]:
    """Return the verdict on one answer."""
    if outcome.hung:
        return Verdict.HUNG, f"no end after {outcome.size:,} bytes"
    if outcome.size > MAX_BYTES:
        return Verdict.PASSED_ON, f"over {MAX_BYTES:,} bytes of JSON"
    if outcome.status >= 300 or not outcome.complete:
        return Verdict.REFUSED, f"status {outcome.status or 'none'}"
    try:
        value = json.loads(outcome.body)
    except RecursionError:
        return Verdict.PASSED_ON, "JSON too deep to parse"
    except ValueError:
        return Verdict.PASSED_ON, "not JSON"
    bad = [path for path in _paths(value) if _is_bad(path)]
    if bad:
        return Verdict.PASSED_ON, f"path {bad[0]!r}"
    return Verdict.RIGHT, f"status {outcome.status}"


def _paths(value: Any) -> list[str]:
    """Return the file paths that info or tree name."""
    items = value if isinstance(value, list) else value.get("siblings", []) if isinstance(value, dict) else []
    return [str(item.get("path", item.get("rfilename", ""))) for item in items if isinstance(item, dict)]


def _is_bad(path: str) -> bool:
    """Tell whether a path leads out of the repository or into git's own folder."""
    return "\\" in path or "\0" in path or any(part in _BAD for part in path.split("/"))


def _pages(server: Server, first: Outcome, internal: str) -> tuple[Verdict, str]:
    """Follow the pages of a tree."""
    outcome = first
    for _ in range(MAX_PAGES):
        link = outcome.headers.get("link", "")
        target = link.partition("<")[2].partition(">")[0]
        if 'rel="next"' not in link or not target:
            return Verdict.RIGHT, "the pages end"
        if target.startswith(internal.rpartition("/")[0]):
            return Verdict.INTERNAL, "the next page is at an internal address"
        path = "/" + target.partition("://")[2].partition("/")[2] if "://" in target else target
        outcome = server.probe.get(path, limit=MAX_BYTES)
        verdict, note = _one(outcome)
        if verdict is not Verdict.RIGHT:
            return verdict, note
    return Verdict.PASSED_ON, f"over {MAX_PAGES} pages"


def judge_xet(server: Server, repo: str, path: str, xet: str) -> tuple[Verdict, str]:
    """Return the verdict on the Xet hashes that tree and HEAD say of a file whose true one is `xet`."""
    tree, head = server.tree(repo), server.head(repo, path)
    if tree.status >= 300 and head.status >= 300:
        return Verdict.REFUSED, f"status {tree.status}"
    try:
        items = json.loads(tree.body) if tree.status < 300 else []
    except ValueError:
        return Verdict.PASSED_ON, "the tree is not JSON"
    said = [item.get("xetHash") for item in items if isinstance(item, dict) and item.get("path") == path]
    said.append(head.headers.get("x-xet-hash"))
    false = [value for value in said if value not in {None, xet}]
    return (Verdict.PASSED_ON, "a false Xet hash") if false else (Verdict.RIGHT, "no false Xet hash")
