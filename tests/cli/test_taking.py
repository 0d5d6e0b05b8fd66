"""Commands that take repositories in, ended by signals."""

from __future__ import annotations

import os
import signal

import pytest

from hanse.cli.taking import stopping


def _interrupted(seen: list[object]) -> None:
    with stopping() as stop:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            seen += [stop.is_set(), signal.getsignal(signal.SIGINT)]


def test_an_interruption_ends_it_as_it_ends_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C interrupts whatever is waited for, the next one would end the process; what was before is put back."""
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(seen)
    assert seen == [True, signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is before
    assert "the same command goes on" in capsys.readouterr().err


def test_being_terminated_is_an_event() -> None:
    """SIGTERM lets the piece that is being read be finished; the next one would end the process."""
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert (stop.is_set(), signal.getsignal(signal.SIGTERM)) == (True, signal.SIG_DFL)
