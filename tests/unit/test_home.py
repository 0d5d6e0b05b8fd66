"""Where Hanse keeps what belongs to a user."""

from __future__ import annotations

from pathlib import Path

from hanse.home import home_folder


def test_home_folder() -> None:
    """HANSE_HOME beats XDG_DATA_HOME, which beats the home folder; what is relative is below the present folder."""
    assert home_folder({"HANSE_HOME": "/srv/h", "XDG_DATA_HOME": "/x"}) == Path("/srv/h")
    assert home_folder({"XDG_DATA_HOME": "/x", "HOME": "/h"}) == Path("/x/hanse")
    assert home_folder({"HOME": "/h"}) == Path("/h/.local/share/hanse")
    assert home_folder({"HANSE_HOME": "h"}) == Path.cwd() / "h"
