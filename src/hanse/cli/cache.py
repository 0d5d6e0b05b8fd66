"""`hanse cache`: what the store of verified files has, what stays, and making room."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from hanse.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from hanse.store.held.stock import Stocked
    from hanse.store.held.store import Held

app = App(name="cache", help="The store of verified files on this machine.", default_parameter=Parameter(negative=()))

Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]
Store = Annotated[Path | None, Parameter(help="Store of verified files. Default: HANSE_STORE, else HANSE_HOME/held.")]


@contextmanager
def _opened(store: Path | None) -> Iterator[Held]:
    from hanse.home import held_folder, home_folder
    from hanse.store.held.store import Held

    with Held.open(held_folder(os.environ, home_folder(os.environ), store)[0]) as held:
        yield held


@app.command(name="list")
def list_(*, store: Store = None, as_json: Json = False) -> None:
    """List what is held, by revision, with its size, and what is pinned."""
    with _opened(store) as held:
        files, pins = held.stock().listed(), held.pins()
        folder = held.folder
    own = sum(one.size for one in files if not one.adopted)
    elsewhere = sum(one.size for one in files if one.adopted)
    if as_json:
        told: dict[str, Any] = {"folder": str(folder), "bytes": own, "bytes_elsewhere": elsewhere, "pins": pins}
        print(json.dumps(told | {"files": [_json(one) for one in files]}, indent=2, ensure_ascii=False))
        return
    from hanse.cli.printable import clean
    from hanse.cli.verified import bytes_text

    for label, count, size, pinned in _by_revision(files):
        print(f"{bytes_text(size):>10}  {count:5} files  {clean(label)}{'  pinned' if pinned else ''}")
    print(f"{bytes_text(own)} in {folder}, {bytes_text(elsewhere)} indexed where others keep it")


def _json(one: Stocked) -> dict[str, Any]:
    told = {"sha256": one.sha256, "path": str(one.path), "bytes": one.size, "adopted": one.adopted, "used": one.used}
    return told | {"revisions": list(one.revisions), "pinned": one.pinned}


def _by_revision(files: list[Stocked]) -> list[tuple[str, int, int, bool]]:
    """Return name, number of files, bytes, and whether it is pinned, of each revision and of what belongs to none.

    A file that lies in several places is one file of its revision.
    """
    found: dict[str, dict[str, Stocked]] = {}
    for one in files:
        for label in one.revisions or ("other files" if not one.adopted else "hashed by audits",):
            found.setdefault(label, {})[one.sha256] = one
    rows = [
        (label, len(some), sum(one.size for one in some.values()), all(one.pinned for one in some.values()))
        for label, some in found.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


@app.command
def pin(
    name: Annotated[str, Parameter(help="ORIGIN/NAMESPACE/NAME@REV as `hanse cache list` shows it, its end, or a SHA-256.")],
    /,
    *,
    store: Store = None,
) -> None:
    """Keep a revision, or one file, whatever room is needed."""
    with _opened(store) as held:
        full = _full_name(held, name)
        held.pin(full)
    print(f"pinned: {full}")


@app.command
def unpin(name: Annotated[str, Parameter(help="What was pinned.")], /, *, store: Store = None) -> None:
    """Let a revision or file go when room is needed."""
    with _opened(store) as held:
        found = [one for one in held.pins() if _means(one, name)]
        if len(found) != 1:
            raise NotFoundError(
                f"{name[:200]!r} is not one thing that is pinned", hint=f"pinned: {', '.join(held.pins()) or 'nothing'}"
            )
        held.unpin(found[0])
    print(f"not pinned any more: {found[0]}")


@app.command
def prune(
    *,
    cache_size: Annotated[str, Parameter(help="How much the files may take afterwards, such as `20 GiB`; 0 removes all.")] = "",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Remove left-overs, and what was not used for longest until the rest takes no more than --cache-size.

    Parts of files, kept for whoever goes on fetching, are left-overs after a week; they go before if there is no room for them.
    """
    from hanse.cli.verified import bytes_text

    limit = _size(cache_size)
    with _opened(store) as held:
        removed = held.evict(limit) if limit is not None else held.evict()
        things, left_over = held.stock().sweep(limit=limit)
        kept = sum(one.size for one in held.stock().listed() if not one.adopted)
    if as_json:
        print(json.dumps({"files": removed.files, "bytes": removed.size, "left_overs": things, "left_over_bytes": left_over}))
    else:
        print(f"removed: {removed.files} files, {bytes_text(removed.size)}; {things} left-overs, {bytes_text(left_over)}")
        if limit is not None and kept > limit:
            print(f"{bytes_text(kept)} stay: pinned, being read, or used within the last minute")


@app.command
def verify(*, store: Store = None, as_json: Json = False) -> int:
    """Read every held file again; one that is not what it was is removed, and fetched anew when it is needed.

    Exits with 1 if there was one.
    """
    good, bad = 0, list[str]()
    with _opened(store) as held:
        for path, fine in held.stock().verify():
            good += fine
            if not fine:
                bad.append(str(path))
    if as_json:
        print(json.dumps({"good": good, "removed": bad}))
    else:
        for one in bad:
            print(f"damaged, removed: {one}")
        print(f"{good} files are what they were")
    return 1 if bad else 0


@app.command
def forget(
    name: Annotated[str, Parameter(help="NAMESPACE/NAME or ORIGIN/NAMESPACE/NAME, with @REVISION for one only.")],
    /,
    *,
    repo_type: Annotated[Literal["model", "dataset"], Parameter(help="What the repository is.")] = "model",
    store: Store = None,
) -> None:
    """Forget what was pinned of a name, or of one revision, when it was first seen: it is pinned anew at its next use.

    What was signed or logged stays. Files stay, too: they are what their digests say.
    """
    from hanse.flows.pull.forget import forget as forget_pins
    from hanse.model.repo import parse_repo_type

    path, _, rev = name.partition("@")
    with _opened(store) as held:
        found = forget_pins(held, parse_repo_type(repo_type), path, rev)
    print(f"forgotten: {', '.join((*found.revisions, *found.refs)) or path}")


def _full_name(held: Held, name: str) -> str:
    """Return the SHA-256, or the one revision that a name means; raises NotFoundError, InputError."""
    files = held.stock().listed()
    if any(one.sha256 == name for one in files):
        return name
    labels = {label for one in files for label in one.revisions}
    found = sorted(one for one in labels if _means(one, name))
    if not found:
        raise NotFoundError(f"nothing that is held is called {name[:200]!r}", hint="hanse cache list shows what is held")
    if len(found) > 1:
        raise InputError(f"{name[:200]!r} means several revisions", hint=f"name one: {', '.join(found[:5])}")
    return found[0]


def _means(full: str, name: str) -> bool:
    """Tell whether a name, or the end of one, with or without a commit id, is this revision or file."""
    return name in (full, full.partition("@")[0]) or full.endswith(f"/{name}") or full.partition("@")[0].endswith(f"/{name}")


def _size(text: str) -> int | None:
    from hanse.settings import parse_size

    return parse_size(text) if text else None
