"""The note of a running gateway, and talking to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hanse.errors import Conflict, InputError, PeerDown, PeerMisbehaved, StorageError
from hanse.flows.gateway.state import FILE, Note, drop_note, new_secret, read_note, require_none, status, stop, write_note
from hanse.peers.client import Answer

NOTE = Note("http://127.0.0.1:9/s3cret", "/cache", "open")


class _Gateway:
    """Answers with a status, or is not there (0)."""

    def __init__(self, code: int, ending: int = 200) -> None:
        self.code, self.ending = code, ending
        self.ended = False

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer what happened."""
        assert url == f"{NOTE.url}/-/status"
        assert headers is None
        assert limit
        if not self.code:
            raise PeerDown("gone")
        return Answer(self.code, "application/json", json.dumps({"policy": "open"}).encode())

    def post(self, url: str, body: bytes, *, limit: int) -> Answer:
        """End."""
        assert (url, body) == (f"{NOTE.url}/-/stop", b"")
        assert limit
        self.ended = self.ending == 200
        return Answer(self.ending, "application/json", b"{}")


def test_a_note_is_private(tmp_path: Path) -> None:
    """The note, which holds the secret, is its owner's only; it goes with its gateway and not with an older one."""
    write_note(tmp_path, NOTE)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert read_note(tmp_path) == NOTE
    drop_note(tmp_path, Note("http://127.0.0.1:9/other", "/cache", "open"))
    assert read_note(tmp_path) == NOTE
    drop_note(tmp_path, NOTE)
    with pytest.raises(InputError, match="no gateway is running"):
        read_note(tmp_path)
    drop_note(tmp_path, NOTE)


@pytest.mark.parametrize("text", ["{", "[]", '{"url": 1}', ""])
def test_a_broken_note(tmp_path: Path, text: str) -> None:
    """What is no note is said to be none."""
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(StorageError, match="cannot be read"):
        read_note(tmp_path)


def test_asking_and_ending() -> None:
    """A gateway tells and ends; one that was killed is not running; one that refuses to end is said to."""
    running = _Gateway(200)
    assert status(running, NOTE) == {"policy": "open"}
    stop(running, NOTE)
    assert running.ended
    for gone in (_Gateway(0), _Gateway(403)):
        with pytest.raises(InputError, match="does not answer"):
            stop(gone, NOTE)
        assert not gone.ended
    with pytest.raises(PeerMisbehaved):
        stop(_Gateway(200, ending=500), NOTE)


def test_one_at_a_time(tmp_path: Path) -> None:
    """A second gateway does not start beside one that runs, whose note it would hide; one that was killed is in nobody's way."""
    require_none(_Gateway(200), tmp_path)
    write_note(tmp_path, NOTE)
    with pytest.raises(Conflict, match="runs already"):
        require_none(_Gateway(200), tmp_path)
    require_none(_Gateway(0), tmp_path)


def test_secrets_differ() -> None:
    """Every session has its own secret, which needs no quoting."""
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 32 and one.replace("-", "").replace("_", "").isalnum() for one in made)
