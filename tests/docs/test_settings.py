"""Every setting does something, and the example on its page loads."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from hanse.settings import Settings, documented, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
SOURCE = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src" / "hanse").rglob("*.py")}


@pytest.mark.parametrize("name", documented())
def test_every_setting_is_obeyed(name: str) -> None:
    """Each setting is read by code other than the settings file itself: a setting that does nothing is a lie."""
    holder = "settings." if name in {item.name for item in dataclasses.fields(Settings)} else "limits."
    readers = [path.name for path, text in SOURCE.items() if path.name != "settings.py" and f"{holder}{name}" in text]
    assert readers


def test_the_example_file_loads() -> None:
    """The hanse.toml shown on the page is accepted."""
    toml = PAGE.split("```toml\n")[1].split("```")[0]
    settings = load({}, {"HOME": "/home/ada"}, toml)
    assert settings.aliases == tomllib.loads(toml)["aliases"]
    assert settings.limits.default_quota_bytes == 200 << 30
