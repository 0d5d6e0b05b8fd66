"""`hanse publish-static`: everything public at a node, as files for any web server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json, Where, settings_of

if TYPE_CHECKING:
    from hanse.flows.static.publish import PublishedSite


def publish_static(
    place: Annotated[str, Parameter(help="An empty folder, or one written before; or s3://BUCKET/PREFIX.")],
    /,
    *,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Write everything public at a node as static files, or bring them up to date; the log's checkpoint comes last.

    May run while the node does. What is not public any more is removed.
    """
    from hanse.cli.upkeep import tended
    from hanse.flows.static.publish import publish_static as publish
    from hanse.flows.static.publish import site_at

    settings = settings_of(where)
    site = site_at(place)
    with tended(settings) as node:
        done = publish(node, site)
    print(json.dumps(_json(done), indent=2, ensure_ascii=False) if as_json else _text(place, done))
    return 0


def _json(done: PublishedSite) -> dict[str, Any]:
    written = done.written
    return {
        "index": written.index.as_json() if written.index else None,
        "repos": [{"repo": str(one.repo), "revisions": list(one.revs)} for one in written.repos],
        "left_out": [{"repo": str(one.repo), "rev": one.rev, "why": one.why} for one in written.left_out],
        "files": len(written.paths),
        "written": written.files,
        "bytes": written.bytes,
        "removed": done.removed,
    }


def _text(place: str, done: PublishedSite) -> str:
    written = done.written
    size = written.index.size if written.index else 0
    lines = [f"left out: {one.repo}{f' at {one.rev[:12]}' if one.rev else ''}: {one.why}" for one in written.left_out]
    lines.append(
        f"{place}: {len(written.repos):,} repositories and a log of {size:,} leaves in {len(written.paths):,} files; "
        f"{written.files:,} of them written ({written.bytes:,} bytes), {done.removed:,} removed"
    )
    return "\n".join(lines)
