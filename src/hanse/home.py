"""Where Hanse keeps what belongs to a user: one small file, so that commands which need nothing else start fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def user_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's home folder; `/`, as containers have it, for a user of whom the system knows none."""
    try:
        return Path(environ.get("HOME") or "~").expanduser()
    except RuntimeError:
        return Path("/")


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return `HANSE_HOME`, else `hanse` in the XDG data folder."""
    if environ.get("HANSE_HOME"):
        return Path(environ["HANSE_HOME"]).expanduser().absolute()
    base = environ.get("XDG_DATA_HOME") or str(user_folder(environ) / ".local" / "share")
    return Path(base).absolute() / "hanse"


def held_folder(environ: Mapping[str, str], home: Path, store: Path | None = None) -> tuple[Path, bool]:
    """Return where the held store is, and whether somebody named that place: as was said, else HANSE_STORE, else in `home`."""
    named = store or environ.get("HANSE_STORE")
    return (Path(named) if named else home / "held").expanduser().absolute(), bool(named)
