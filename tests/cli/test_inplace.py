"""One line of a terminal that is written over."""

from __future__ import annotations

import io

import pytest

from hanse.cli.inplace import clear, show


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        """Be a terminal."""
        return True


def test_what_is_said_next_does_not_stand_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal's line is taken away before the next words; where there is no terminal nothing is written."""
    for stream, written in ((_Terminal(), "\r1 of 2\x1b[K\r\x1b[K"), (io.StringIO(), "")):
        monkeypatch.setattr("sys.stderr", stream)
        show("1 of 2")
        clear()
        assert stream.getvalue() == written
