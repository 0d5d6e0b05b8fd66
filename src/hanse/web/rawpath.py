"""Raw request paths, split before they are decoded: clients quote slashes inside names as %2F (hub-api.md rule 19)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from hanse.errors import BadPath

MAX_SEGMENTS = 100
MAX_RAW_PATH = 16 * 1024


def split_raw_path(raw_path: bytes) -> list[str]:
    """Return the decoded segments of a raw request path; raises BadPath for bad UTF-8, NUL or excess."""
    if len(raw_path) > MAX_RAW_PATH:
        raise BadPath(f"the address may have at most {MAX_RAW_PATH} bytes")
    parts = raw_path.strip(b"/").split(b"/")
    if len(parts) > MAX_SEGMENTS:
        raise BadPath(f"the address may have at most {MAX_SEGMENTS} segments")
    try:
        segments = [unquote_to_bytes(part).decode("utf-8") for part in parts]
    except UnicodeDecodeError as error:
        raise BadPath("the address is not valid UTF-8") from error
    if any("\0" in segment for segment in segments):
        raise BadPath("the address contains a NUL")
    return segments
