"""What clamd's replies mean; the conversation is proved in tests/contract/test_clamd.py."""

from __future__ import annotations

from hanse.jobs.clamd import parse_reply


def test_replies() -> None:
    """Only the two words of the protocol count."""
    assert parse_reply(b"stream: Win.Test FOUND\0")["virusNames"] == ["Win.Test"]
    for reply in (b"", b"stream: OK FOUND ERROR\0", b"\xff\0"):
        assert parse_reply(reply)["status"] == "error"
