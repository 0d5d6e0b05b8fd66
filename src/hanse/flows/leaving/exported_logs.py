"""Which logs an export has: that of the node that made it, and the copies of others that it held as a mirror."""

from __future__ import annotations

import re

from hanse.flows.leaving.filelog import FileLog
from hanse.flows.leaving.sources import ExportSource
from hanse.model.staticlayout import StaticPath, parse_static_path

MAX_COPIES = 1000
_COPY = re.compile(r"mirror/[0-9a-f]{64}/checkpoint")


def copy_path(origin_hash: str, file: str) -> StaticPath:
    """Return where a file of the copy of a log is, by the SHA-256 of its origin: as a node serves it."""
    return parse_static_path(f"mirror/{origin_hash}/{file}")


def exported_logs(source: ExportSource) -> list[FileLog]:
    """Return the logs of an export, that of its node first; nothing of them is verified."""
    copies = sorted(path.rpartition("/")[0] for path in source.sizes if _COPY.fullmatch(path))
    return [FileLog(source), *(FileLog(source, below) for below in copies[:MAX_COPIES])]
