"""Downloads counted as they are asked for: clients mark every request of a download with `X-HF-Download-Counter`.

A snapshot of Xet files asks for nothing but the revision, and a single file for nothing but the file, so both count; the
counter takes the requests of one caller together.
"""

from __future__ import annotations

from hanse.db.repos import Repo
from hanse.flows import downloads
from hanse.web.routing import Call


async def count_download(call: Call, repo: Repo) -> None:
    """Count the request if it is marked, and write what was gathered when it is time to."""
    node, now = call.node, call.node.clock.now()
    if "x-hf-download-counter" in call.request.headers:
        caller = call.caller if call.actor.anonymous else f"account {call.actor.account_id}"
        due = node.downloads.count(node.secret, repo.id, caller, now)
    else:
        due = node.downloads.due(now)
    if due:
        await call.run(downloads.flush, node.db, node.downloads, node.clock)
