"""How files that were received and that nobody signed are shown: one screen for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hanse.cli.printable import clean
from hanse.cli.verified import bytes_text, failed_rows, rows
from hanse.clock import rfc3339

if TYPE_CHECKING:
    from hanse.flows.verify_receipt import Received


def received_json(received: Received, failed: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object."""
    receipt, files = received.receipt, received.files
    return {
        "verified": not failed,
        "failed": list(failed),
        "repo": str(receipt.repo),
        "rev": receipt.rev,
        "tree": receipt.tree or None,
        "received": {"at": rfc3339(receipt.pulled), "from": [one.name for one in receipt.sources], "policy": receipt.policy.name},
        "files": {
            "total": len(receipt.files),
            "verified": files.verified,
            "bytes": files.size,
            "hashed": files.read,
            "absent": list(files.absent),
            "partial": bool(files.absent) or not receipt.complete,
        },
        "signed": [],
        "decision": received.decision.to_json(),
    }


def received_text(received: Received, failed: Sequence[str], now: int) -> str:
    """Return the screen; now: seconds since 1970."""
    receipt, files, decision = received.receipt, received.files, received.decision
    state = "NOT VERIFIED" if failed else "as received"
    days = max(0, now - receipt.pulled) // 86_400
    sources = ", ".join(one.name for one in receipt.sources) or "nobody: it was here already"
    lines = [f"{state}: {clean(receipt.repo.path)} at {receipt.rev[:12]}, {files.verified} of {len(receipt.files)} files"]
    lines += rows("files", [f"{files.verified} are what was received, {bytes_text(files.size)}"])
    lines += rows("received", [f"{rfc3339(receipt.pulled)}, {days} days ago, from {sources}"])
    lines += rows("signed", [f"by nobody: {receipt.repo.origin} claimed what it is, and that was pinned when it was first seen"])
    lines += rows("rung", [f"{decision.rung.value}; policy {decision.policy} is met"])
    lines += rows("note", [f"{one.rule}: {one.says}" for one in decision.warnings])
    return "\n".join(lines + list(failed_rows(failed)))
