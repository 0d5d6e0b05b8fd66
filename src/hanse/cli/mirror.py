"""`hanse mirror`: what an upstream hub says of a repository, taken in, checked, scanned, observed in this node's log."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json, Where
from hanse.cli.inplace import clear, show
from hanse.cli.taking import opened, parse_subject, stopping
from hanse.cli.usage import WrongUsage
from hanse.errors import HanseError

if TYPE_CHECKING:
    from hanse.flows.mirror.adopt import Adopted
    from hanse.flows.mirror.journey import Mirrored, Options
    from hanse.flows.mirror.large import Local
    from hanse.flows.mirror.upstream import Upstream
    from hanse.flows.node import Node
    from hanse.model.digest import GitOid
    from hanse.model.filepin import FilePin
    from hanse.model.repo import RepoType
    from hanse.peers.hub import Hub
    from hanse.peers.place import Place

_EVERY = 300
_LINE_SECONDS = 10.0
_SHOW_SECONDS = 0.5


def mirror(
    name: str = "",
    /,
    *,
    origin: Annotated[
        str | None,
        Parameter(name="--from", help="The hub it is of: huggingface, or an address; or a member, by its origin."),
    ] = None,
    also: Annotated[list[str] | None, Parameter(help="Address of another hub that may have the bytes; for more, again.")] = None,
    all_revisions: Annotated[bool, Parameter(negative=(), help="Also every commit, branch and tag that there is.")] = False,
    watch: Annotated[bool, Parameter(negative=(), help="Look again every now and then, until interrupted.")] = False,
    every: Annotated[int, Parameter(help="Seconds between two looks.")] = _EVERY,
    from_cache: Annotated[
        bool,
        Parameter(negative=(), help="Take in what lies on this machine; NAME is a folder, the Hugging Face cache if absent."),
    ] = False,
    repo: Annotated[str, Parameter(help="With --from-cache: ORG/NAME[@REV] that a plain folder is of.")] = "",
    fetch: Annotated[bool, Parameter(negative=(), help="With --from-cache: fetch what is missing of a snapshot.")] = False,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Mirror ORG/NAME[@REV] (or datasets/ORG/NAME[@REV]) of another hub; REV is a branch, tag or commit id, main if absent.

    Works on the node's data folder and may run while the node serves. Interrupted or killed, the same command goes on where it
    was. Every digest that the hub gives is checked; its lies are recorded and nothing false is taken in. What it does not
    give, or gives falsely, is fetched from --also.

    A name in a namespace that a federation gave to a member is copied from there, with what the member signed; with --from and
    without a name everything that the member settled is.
    """
    if not (from_cache or watch or all_revisions) and (done := _of_member(name, origin, where, as_json=as_json)) is not None:
        return done
    if from_cache and (watch or all_revisions):
        raise WrongUsage("--from-cache takes in what lies here once", hint="mirror the name with --watch or --all-revisions then")
    if not name and not from_cache:
        raise WrongUsage("what is to be mirrored is missing", hint="name it: hanse mirror ORG/NAME")
    with opened(where) as node, _upstream(origin or "huggingface") as upstream, _opened_options(also or ()) as chosen:
        patient = _patiently(upstream, chosen.stop)
        if from_cache:
            folder = Path(name).expanduser() if name else _cache()
            return _from_cache(node, folder, patient, chosen, named=repo, fetch=fetch, as_json=as_json)
        subject = parse_subject(name)
        if watch:
            _watch(node, patient, subject, chosen, every=max(1, every), all_revisions=all_revisions, as_json=as_json)
            return 0
        return _once(node, patient, subject, chosen, all_revisions=all_revisions, as_json=as_json)


def _of_member(name: str, member: str | None, where: Where | None, *, as_json: bool) -> int | None:
    from hanse.cli.copying import copy_from

    return copy_from(name, member, where, as_json=as_json)


def _watch(
    node: Node,
    upstream: Upstream,
    subject: tuple[RepoType, str, str],
    chosen: Options,
    *,
    every: int,
    all_revisions: bool,
    as_json: bool,
) -> None:
    from hanse.flows.mirror.watch import watch

    tell = partial(_tell, as_json=True) if as_json else Telling()
    watch(node, upstream, *subject, every=every, told=tell, options=chosen, all_revisions=all_revisions)


def _once(
    node: Node,
    upstream: Upstream,
    subject: tuple[RepoType, str, str],
    options: Options,
    *,
    all_revisions: bool,
    as_json: bool,
) -> int:
    from hanse.flows.mirror.journey import mirror as take
    from hanse.flows.mirror.journey import mirror_all

    kind, path, rev = subject
    if not all_revisions:
        _tell(take(node, upstream, kind, path, rev, options=options), as_json=as_json)
        return 0
    failed = 0
    for one in mirror_all(node, upstream, kind, path, options):
        _tell(one, as_json=as_json)
        failed += isinstance(one, HanseError)
    return 1 if failed else 0


@contextmanager
def _opened_options(also: Sequence[str]) -> Iterator[Options]:
    """Give how mirrors are made, with everything open that they need besides node and upstream."""
    with stopping() as stop, _others(also) as others, _held() as held:
        yield replace(options(stop, held), also=others)


@contextmanager
def _upstream(origin: str) -> Iterator[Upstream]:
    from hanse.flows.mirror.hubs import HubUpstream

    with closing(_hub(origin)) as hub:
        yield HubUpstream(hub)


def _patiently(upstream: Upstream, stop: threading.Event) -> Upstream:
    from hanse.flows.mirror.patiently import Patiently

    return Patiently(upstream, stop, lambda url, seconds: print(f"{url} asks for {seconds} seconds of patience", file=sys.stderr))


@contextmanager
def _others(origins: Sequence[str]) -> Iterator[Callable[[RepoType, str, GitOid], Sequence[Place]]]:
    """Give the places of a revision at hubs that are asked for bytes only."""
    from hanse.flows.mirror.hubs import places_at

    with ExitStack() as stack:
        yield places_at([stack.enter_context(closing(_hub(one))) for one in origins])


def _hub(origin: str) -> Hub:
    import os

    from hanse.flows.credentials import Credentials
    from hanse.flows.mirror.hubs import address_of
    from hanse.home import home_folder
    from hanse.peers.hub import Hub

    url = address_of(origin)
    return Hub(url, Credentials(home_folder(os.environ), os.environ).token_for(url))


@contextmanager
def _held() -> Iterator[Callable[[FilePin], Local | None]]:
    """Give where verified files lie in the store that this machine's gateways and pulls keep, if there is one."""
    import os

    from hanse.flows.mirror.heldfiles import held_local
    from hanse.home import held_folder, home_folder
    from hanse.store.held.store import Held

    folder, named = held_folder(os.environ, home_folder(os.environ))
    if not folder.is_dir() and not (named and folder.exists()):
        yield lambda _pin: None
        return
    with Held.open(folder) as store:
        yield held_local(store)


def options(stop: threading.Event, held: Callable[[FilePin], Local | None]) -> Options:
    """Return options that say how far it is, on a terminal in place, else in a line now and then.

    stop: ends it; held: where verified files may lie here.
    """
    from hanse.flows.mirror.journey import Options

    shown, last = [time.monotonic()], [0]

    def report(path: str, done: int, total: int) -> None:
        if done < last[0]:  # another revision begins
            shown[0] = time.monotonic()
        last[0] = done
        here, since = f"{done:,} of {total:,} bytes: {path[-60:]}", time.monotonic() - shown[0]
        if sys.stderr.isatty() and since > _SHOW_SECONDS:
            shown[0] = time.monotonic()
            show(here)
        elif not sys.stderr.isatty() and since > _LINE_SECONDS:
            shown[0] = time.monotonic()
            print(here, file=sys.stderr, flush=True)

    return Options(report=report, stop=stop, held=held)


class Telling:
    """Prints what comes of each look: an error once until a look succeeds, why a name is hidden once until that is another."""

    def __init__(self) -> None:
        self._errors: set[str] = set()
        self._hidden = ""

    def __call__(self, one: Mirrored | HanseError) -> None:
        """Print it as far as it is news."""
        if isinstance(one, HanseError):
            line = f"{one.code}: {one.message}"
            if line not in self._errors:
                _tell(one, as_json=False)
            self._errors.add(line)
            return
        _tell(one if one.hidden != self._hidden else replace(one, hidden=""), as_json=False)
        self._errors, self._hidden = set(), one.hidden


def _tell(one: Mirrored | HanseError, *, as_json: bool) -> None:
    clear()
    if as_json:
        print(json.dumps(_facts(one)), flush=True)
    elif isinstance(one, HanseError):
        print(f"{one.code}: {one.message}", flush=True)
    else:
        print(_sentence(one), flush=True)


def _facts(one: Mirrored | HanseError) -> dict[str, Any]:
    if isinstance(one, HanseError):
        return {"error": one.code, "message": one.message}
    found = {"repo": str(one.repo.repo), "rev": one.revision.rev, "tree": one.revision.tree, "files": one.revision.files}
    found |= {"bytes": one.revision.bytes, "ref": one.ref, "leaf": one.index, "fresh": one.fresh}
    found |= {} if one.rewritten is None else {"rewritten": one.rewritten}
    return found | ({"hidden": one.hidden} if one.hidden else {})


def _sentence(one: Mirrored) -> str:
    named = f"{one.repo.repo}@{one.revision.rev[:12]}"
    size = f"{one.revision.files} files, {one.revision.bytes:,} bytes, tree {one.revision.tree[:16]}"
    logged = f"; {one.ref} observed, leaf {one.index}" if one.index is not None else ""
    gone = f"; HISTORY WAS REWRITTEN: {one.rewritten[:12]} is no longer in it, and kept here" if one.rewritten else ""
    if one.rewritten and one.ref is not None and one.ref.startswith("refs/tags/"):
        gone = f"; THE TAG WAS MOVED: it was at {one.rewritten[:12]}, which is kept here"
    hidden = f"\nHIDDEN: {one.hidden}" if one.hidden else ""
    return f"{named}: {size}{'' if one.fresh else ', here already'}{logged}{gone}{hidden}"


def _cache() -> Path:
    import os

    home = os.environ.get("HF_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _from_cache(node: Node, folder: Path, upstream: Upstream, options: Options, *, named: str, fetch: bool, as_json: bool) -> int:
    from hanse.flows.mirror.adopt import adopt

    count = 0
    for one in adopt(node, folder, upstream, options, fetch=fetch, named=parse_subject(named) if named else None):
        count += one.state != "skipped"
        clear()
        print(json.dumps(_adopted(one)) if as_json else _adopted_sentence(one), flush=True)
    return 0 if count else 1


def _adopted(one: Adopted) -> dict[str, Any]:
    found: dict[str, Any] = {"title": one.title, "state": one.state, "says": one.says, "altered": list(one.altered)}
    return found | ({} if one.mirrored is None else _facts(one.mirrored))


def _adopted_sentence(one: Adopted) -> str:
    lines = [f"{one.title}: {one.state}{f': {one.says}' if one.says else ''}"]
    lines += [f"  {_sentence(one.mirrored)}"] if one.mirrored is not None else []
    return "\n".join([*lines, *(f"  ALTERED {text}" for text in one.altered)])
