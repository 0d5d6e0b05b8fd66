"""`hanse audit`: what the model files on this machine are, and moving bad ones out of the clients' reach."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.inplace import clear, show
from hanse.cli.usage import WrongUsage

if TYPE_CHECKING:
    from hanse.flows.audit.folder import Audited, AuditReport
    from hanse.flows.audit.known import Knowledge
    from hanse.flows.audit.moves import Moved
    from hanse.store.held.store import Held

_SHOW_SECONDS = 0.3
_MAX_TOLD = 10
"""How many files of one revision are told one by one without --verbose."""


def audit(
    folder: Annotated[Path | None, Parameter(help="Cache, entry of it, or folder. Default: the cache clients use.")] = None,
    /,
    *,
    quarantine: Annotated[bool, Parameter(help="Move what is altered or refused out of the clients' reach.")] = False,
    restore: Annotated[bool, Parameter(help="Put back what earlier audits moved out of this folder.")] = False,
    node: Annotated[list[str] | None, Parameter(help="Address of a node to ask. Default: only what is known here.")] = None,
    upstream: Annotated[str | None, Parameter(help="Hub to ask for what no node has.")] = None,
    policy: Annotated[str | None, Parameter(help="Policy: a preset, a name, or a file. Default: the one in use.")] = None,
    scan: Annotated[bool, Parameter(help="Scan files that were never scanned.")] = False,
    rehash: Annotated[bool, Parameter(help="Read every file, also those that did not change since they were hashed.")] = False,
    store: Annotated[Path | None, Parameter(help="Store of verified files. Default: HANSE_STORE, else HANSE_HOME/held.")] = None,
    verbose: Annotated[bool, Parameter(help="Name every file that is not verified.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False,
) -> int:
    """Hash what lies on this machine and say what of it is verified, unknown, altered or refused by the policy.

    Exits with 1 if something is altered or refused and still there, or could not be put back.
    """
    from hanse.flows.pull.into_cache import hub_cache
    from hanse.home import home_folder

    home = home_folder(os.environ)
    place = folder or hub_cache(os.environ)
    if restore:
        if quarantine:
            raise WrongUsage("--quarantine and --restore are opposites", hint="give one of them")
        return _restore(place, home, as_json=as_json)
    with _held(home, store) as held:
        asking = bool(node or upstream or scan)
        with (
            _known(held, home, policy, tuple(node or ()), upstream, scan=scan)
            if asking or _knows(held)
            else nullcontext() as known
        ):
            report = _audit(place, held, known, rehash=rehash, needed=folder is not None)
    moved = _move(report, place, home) if quarantine else None
    if as_json:
        print(json.dumps(_json(report, moved), indent=2, ensure_ascii=False))
    else:
        print("" if report.revisions else f"looked in {place}\n", end="")
        print(_text(report, moved, folder, asked=bool(node or upstream), verbose=verbose))
    return 1 if moved is None and any(one.bad for one in report.revisions) else 0


def _held(home: Path, store: Path | None) -> Held:
    from hanse.home import held_folder
    from hanse.store.held.store import open_or_temporary

    folder, named = held_folder(os.environ, home, store)
    return open_or_temporary(folder, named=named)


def _knows(held: Held) -> bool:
    """Tell whether anything is known of any revision or file; if not, what asks for it need not be loaded."""
    return bool(held.keys("name") or held.keys("flagged"))


@contextmanager
def _known(
    held: Held, home: Path, policy: str | None, nodes: tuple[str, ...], upstream: str | None, *, scan: bool
) -> Iterator[Knowledge]:
    """Open what is known; servers are asked only if they were named."""
    from hanse.clock import SystemClock
    from hanse.flows.audit.known import Knowledge
    from hanse.flows.credentials import Credentials
    from hanse.flows.named_servers import before, hub_address
    from hanse.flows.policies import load_policy
    from hanse.flows.pull.asked import PullSettings
    from hanse.flows.pull.fetch import Fetcher
    from hanse.flows.pull.puller import Puller
    from hanse.peers.client import parse_base

    settings = PullSettings(
        tuple(parse_base(one) for one in nodes),
        hub_address(upstream) if upstream else None,
        load_policy(policy or None, home),
        home,
        token_for=Credentials(home, before(os.environ)).token_for,
        offline=not nodes and not upstream,
        fresh=True,
    )
    with (
        closing(Puller(settings, held, Fetcher(held), SystemClock())) as puller,
        closing(Knowledge(puller, SystemClock().now(), scan=scan)) as knowledge,
    ):
        yield knowledge


def _audit(place: Path, held: Held, known: Knowledge | None, *, rehash: bool, needed: bool) -> AuditReport:
    """Return what is there; needed: it has to be, where otherwise a machine on which no client ever ran has nothing wrong."""
    from hanse.flows.audit.folder import AuditReport, audit_folder

    if not needed and not place.exists():
        return AuditReport((), 0)
    resolve, judge = (None, None) if known is None else (known.resolve, known.judge)
    try:
        return audit_folder(place, held, resolve, judge, rehash=rehash, advance=_shown())
    finally:
        clear()


def _shown() -> Callable[[int], None]:
    """Return what shows on a terminal how much has been looked at."""
    from hanse.cli.verified import bytes_text

    looked, told = 0, time.monotonic()

    def advance(size: int) -> None:
        nonlocal looked, told
        looked += size
        if time.monotonic() - told > _SHOW_SECONDS:
            told = time.monotonic()
            show(f"hashing: {bytes_text(looked)} looked at")

    return advance


def _move(report: AuditReport, place: Path, home: Path) -> Moved | None:
    from hanse.clock import SystemClock
    from hanse.flows.audit.moves import quarantine

    return quarantine(report, place, home, SystemClock().now())


def _restore(place: Path, home: Path, *, as_json: bool) -> int:
    from hanse.cli.printable import clean
    from hanse.flows.audit.moves import restore

    done = restore(place, home)
    if as_json:
        print(json.dumps({"restored": done.moved, "problems": list(done.problems)}, indent=2, ensure_ascii=False))
    else:
        for one in done.problems:
            print(f"not put back: {clean(one)}")
        print(f"put back: {done.moved}")
    return 1 if done.problems else 0


def _json(report: AuditReport, moved: Moved | None) -> dict[str, Any]:
    return {
        "counts": {state.value: count for state, count in report.counts.items()},
        "revisions": [_revision_json(one) for one in report.revisions],
        "beside": list(report.beside),
        "read": report.read,
        "quarantine": None if moved is None else {"id": moved.id, "moved": [str(one) for one, _ in moved.moves]},
    }


def _revision_json(one: Audited) -> dict[str, Any]:
    found = one.found
    return {
        "state": one.state.value,
        "kind": found.kind.value,
        "type": found.type.value if found.type else None,
        "repo": found.repo or None,
        "revision": found.rev,
        "refs": list(found.refs),
        "path": str(found.root),
        "origin": one.origin or None,
        "rung": one.rung or None,
        "says": one.says,
        "absent": one.absent,
        "files": [{"path": each.path, "state": each.state.value, "size": each.size, "says": each.says} for each in one.files],
    }


def _text(report: AuditReport, moved: Moved | None, folder: Path | None, *, asked: bool, verbose: bool) -> str:
    from hanse.cli.printable import clean
    from hanse.cli.verified import bytes_text
    from hanse.flows.audit.folder import State

    lines = []
    for one in report.revisions:
        lines += [clean(line) for line in _revision_lines(one, None if verbose else _MAX_TOLD)]
    counts = ", ".join(f"{count} {state.value}" for state, count in report.counts.items() if count) or "nothing is there"
    lines.append(f"{counts}; {bytes_text(report.read)} hashed now")
    if report.beside:
        more = f" and {len(report.beside) - _MAX_TOLD} more" if len(report.beside) > _MAX_TOLD else ""
        named = ", ".join(map(clean, report.beside[:_MAX_TOLD]))
        lines.append(f"not looked at, clients find nothing in it: {named}{more}")
    if report.counts[State.UNKNOWN] and not asked:
        lines.append("nobody was asked about what is unknown: --upstream URL asks a hub, --node URL a node")
    again = f"hanse audit {shlex.quote(str(folder))}" if folder else "hanse audit"
    bad = sum(one.bad for one in report.revisions)
    if moved is not None:
        lines.append(f"moved out of reach: {len(moved.moves)}; {again} --restore puts it back")
    elif bad:
        lines.append(f"{again} --quarantine moves what is altered or refused out of the clients' reach")
    return "\n".join(lines)


def _revision_lines(one: Audited, limit: int | None) -> Iterator[str]:
    from hanse.flows.audit.folder import State

    good = one.count(State.VERIFIED)
    worth = f", {one.rung}" if one.rung else ""
    absent = f", {one.absent} not here" if one.absent else ""
    yield f"{one.state.value:9} {one.found.title}: {good} of {len(one.files)} files verified{worth}{absent}"
    if one.says:
        yield f"          {one.says}"
    told = [each for each in one.files if each.state not in (State.VERIFIED, State.UNKNOWN)]
    for each in told[:limit]:
        yield f"          {each.path}: {each.says}"
    if limit is not None and len(told) > limit:
        yield f"          and {len(told) - limit} more"
