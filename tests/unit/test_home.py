"""Where Hanse keeps what belongs to a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.home import home_folder


def test_home_folder() -> None:
    """HANSE_HOME beats XDG_DATA_HOME, which beats the home folder; what is relative is below the present folder."""
    assert home_folder({"HANSE_HOME": "/srv/h", "XDG_DATA_HOME": "/x"}) == Path("/srv/h")
    assert home_folder({"XDG_DATA_HOME": "/x", "HOME": "/h"}) == Path("/x/hanse")
    assert home_folder({"HOME": "/h"}) == Path("/h/.local/share/hanse")
    assert home_folder({"HANSE_HOME": "h"}) == Path.cwd() / "h"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that no list of users has, and no HOME, as in a container, has the home `/`."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert home_folder({}) == Path("/.local/share/hanse")
