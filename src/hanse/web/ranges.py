"""HTTP Range headers, parsed in linear time (RFC 9110 section 14)."""

from __future__ import annotations

from hanse.errors import BadRange

MAX_HEADER = 4096
MAX_RANGES = 256


def _number(text: str) -> int | None:
    """Return the decimal number in `text` of at most 19 digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def _one(spec: str, size: int) -> tuple[int, int] | bool | None:
    """Return (start, end exclusive), None if unsatisfiable, False if malformed."""
    first, dash, last = spec.strip().partition("-")
    if not dash:
        return False
    if first == "":
        count = _number(last)
        if count is None:
            return False
        return (max(0, size - count), size) if count and size else None
    start = _number(first)
    end = _number(last) if last else size - 1
    if start is None or end is None or (last and end < start):
        return False
    return (start, min(end, size - 1) + 1) if start < size else None


def parse_ranges(header: str | None, size: int) -> list[tuple[int, int]] | None:
    """Return the satisfiable byte ranges as (start, end exclusive), or None if the header must be ignored.

    A missing, malformed, overlong or non-bytes header is ignored, as the standard asks. Raises BadRange when it is well
    formed and no range can be satisfied.
    """
    if header is None or len(header) > MAX_HEADER:
        return None
    unit, equals, rest = header.partition("=")
    specs = rest.split(",")
    if not equals or unit.strip().lower() != "bytes" or len(specs) > MAX_RANGES:
        return None
    found: list[tuple[int, int]] = []
    for spec in specs:
        one = _one(spec, size)
        if isinstance(one, bool):
            return None
        if one is not None:
            found.append(one)
    if not found:
        raise BadRange(f"range {header[:80]!r} lies outside the {size} bytes of this file")
    return found


def single_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the one range to serve as (start, end exclusive), or None for the whole file.

    Several ranges are answered with the whole file. Raises BadRange when nothing can be satisfied.
    """
    ranges = parse_ranges(header, size)
    return ranges[0] if ranges is not None and len(ranges) == 1 else None
