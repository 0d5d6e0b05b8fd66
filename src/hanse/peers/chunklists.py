"""How long the chunk list of a file can be, for whoever asks another server for one."""

from __future__ import annotations

from hanse.errors import PeerMisbehaved

_REFUSAL_BYTES = 16 * 1024


def chunk_list_limit(size: int) -> int:
    """Return how many bytes the chunk list of a file of `size` bytes has at most, or a refusal of one.

    Chunks but the last have 8 KiB or more.
    """
    from hanse.content.chunking import MIN_CHUNK_BYTES  # noqa: PLC0415 it loads numpy, which most gateways do without
    from hanse.content.hashing import CHUNK_RECORD_BYTES  # noqa: PLC0415 same

    return max(CHUNK_RECORD_BYTES * (size // MIN_CHUNK_BYTES + 1), _REFUSAL_BYTES)


def parsed_length(data: bytes, name: str) -> bytes:
    """Return a chunk list whose length is one that chunk lists have; raises PeerMisbehaved."""
    from hanse.content.hashing import CHUNK_RECORD_BYTES  # noqa: PLC0415 as above

    if not data or len(data) % CHUNK_RECORD_BYTES:
        raise PeerMisbehaved(f"{name} sends {len(data)} bytes as a chunk list, which has {CHUNK_RECORD_BYTES} for each chunk")
    return data
