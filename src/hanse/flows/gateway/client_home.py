"""An HF_HOME for programs behind a gateway, in which caches are the policy's own, and everything else is the user's.

`hf-hub` for Rust before 1.0 reads no HF_HUB_CACHE, and scripts put the path together themselves: they look into HF_HOME/hub, and
would find there what no policy judged. Tokens, settings and what other libraries keep are reached by symbolic links.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FOLDER = "client-home"
OF = ".hanse-of"
"""A link in such a folder to the HF_HOME that it stands for: so a gateway behind another one finds that of the user."""
_LEFT_SECONDS = 7 * 24 * 3600
_CACHES = {"hub": "HF_HUB_CACHE", "datasets": "HF_DATASETS_CACHE", "modules": "HF_MODULES_CACHE"}
_JUDGED_BY_NOBODY = frozenset({*_CACHES, "transformers"})
"""What programs are not given of the user's HF_HOME; `transformers` was the cache of its versions up to 4.21."""


def at_home(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a gateway's program (`client_env`) with an HF_HOME of its own, which is made.

    It is unchanged where none can be made, as on FAT, which has no links. HF_TOKEN_PATH names the user's own file: a logout would
    remove a link, and leave the token.
    """
    user = _user_home(environ)
    caches = {name: Path(environ[variable]) for name, variable in _CACHES.items()}
    digest = hashlib.sha256(os.fsencode(user)).hexdigest()[:8]
    home = caches["hub"].parent.parent / FOLDER / f"{caches['hub'].name}-{digest}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        _link(home / OF, user)
        _furnish(home, user, caches)
    except OSError:
        return dict(environ)
    return {**environ, "HF_HOME": str(home), "HF_TOKEN_PATH": environ.get("HF_TOKEN_PATH") or str(user / "token")}


def take_home(folder: Path, now: int) -> None:
    """Move what programs made new in their HF_HOMEs below `folder` to the user's, except where something is in the way.

    now: seconds since 1970. What stands for an HF_HOME that is gone is removed after a week: it may have been for a single run.
    """
    with suppress(OSError), os.scandir(folder / FOLDER) as homes:
        for one in homes:
            home = Path(one.path)
            with suppress(OSError):
                user = (home / OF).readlink()
                _take_home(home, user)
                if not user.exists() and now - one.stat().st_mtime > _LEFT_SECONDS:
                    _remove_links(home)


def _user_home(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".cache"
    home = Path(environ.get("HF_HOME") or Path(base) / "huggingface").expanduser().absolute()
    with suppress(OSError):
        return (home / OF).readlink()
    return home


def _furnish(home: Path, user: Path, caches: Mapping[str, Path]) -> None:
    """Make links to caches and to what the user has, and remove those to what he has no more."""
    for name, cache in caches.items():
        cache.mkdir(parents=True, exist_ok=True)
        _link(home / name, cache)
    there: set[str] = set()
    with suppress(OSError):  # no HF_HOME yet, or none that may be read
        there = {one.name for one in user.iterdir() if _is_shared(one.name)}
    for name in there:
        _link(home / name, user / name, instead=False)
    for one in home.iterdir():
        if one.name not in there and _is_shared(one.name) and one.is_symlink():
            one.unlink()


def _link(link: Path, to: Path, *, instead: bool = True) -> None:
    """Make a link; `instead`: in place of a file or folder, else that stays."""
    with suppress(OSError):
        if link.readlink() == to:
            return
        link.unlink()
    if instead and os.path.lexists(link):
        import shutil  # noqa: PLC0415 most starts do without

        shutil.rmtree(link)  # a program removed the link, and made a cache there that is not looked into
    with suppress(FileExistsError):
        link.symlink_to(to)


def _take_home(home: Path, user: Path) -> None:
    for mine in home.iterdir():
        theirs = user / mine.name
        if mine.is_symlink() or not _is_shared(mine.name) or (theirs.exists() and not (mine.is_file() and theirs.is_file())):
            continue
        with suppress(OSError):  # on another file system, or not to be written: programs find it where it is
            user.mkdir(parents=True, exist_ok=True)
            mine.rename(theirs)
            mine.symlink_to(theirs)


def _remove_links(home: Path) -> None:
    found = list(home.iterdir())
    if all(one.is_symlink() for one in found):
        for one in found:
            one.unlink()
        home.rmdir()


def _is_shared(name: str) -> bool:
    """Tell whether an entry of the user's HF_HOME is given to programs: caches are not, also those of single repositories."""
    return name != OF and name not in _JUDGED_BY_NOBODY and "--" not in name
