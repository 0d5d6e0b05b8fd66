"""`hanse log`: look into a transparency log, prove one of its leaves, or check all of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from hanse.clock import SystemClock

if TYPE_CHECKING:
    from hanse.flows.foreign.proved import Proved
    from hanse.flows.inspect_log import CheckedLog, OpenLog

app = App(name="log", help="Look into a transparency log, and check it.", default_parameter=Parameter(negative=()))

Url = Annotated[str, Parameter(help="Address of the log, or of its node.")]
Key = Annotated[str | None, Parameter(help="Key of the log (vkey), if it is not known yet.")]
Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]
_PROGRESS = 10_000


@contextmanager
def _opened(url: str, key: str | None) -> Iterator[OpenLog]:
    from hanse.flows.inspect_log import open_log_at
    from hanse.peers.client import PeerClient

    client = PeerClient()
    try:
        yield open_log_at(client, url, _home(), SystemClock().now(), key or "")
    finally:
        client.close()


def _home() -> Path:
    from hanse.home import home_folder

    return home_folder(os.environ)


@app.command
def show(
    url: Url,
    /,
    *,
    key: Key = None,
    leaves: Annotated[int, Parameter(help="So many of the newest leaves.")] = 10,
    as_json: Json = False,
) -> None:
    """Show a log's checkpoint, who cosigned it and its newest leaves; a log met for the first time is pinned."""
    from hanse.flows.inspect_log import known_cosignatures, newest_leaves

    with _opened(url, key) as log:
        cosigned, unknown = known_cosignatures(log, _home())
        newest = newest_leaves(log, max(0, min(leaves, 1000)))
    if as_json:
        told = _log_json(log) | {
            "cosigned": [{"name": one.key.name, "time": _time(one.time)} for one in cosigned],
            "unknown": list(unknown),
            "leaves": [{"index": index, "leaf": json.loads(leaf)} for index, leaf in newest],
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    _print_log(log)
    for one in cosigned:
        print(f"  cosigned  {_clean(one.key.name)} at {_time(one.time)}")
    for name in unknown:
        print(f"  unknown   {_clean(name)}")
    for index, leaf in newest:
        print(f"  leaf {index:<6} {_clean(_summary(leaf))}")


@app.command
def prove(
    url: Url,
    index: Annotated[int, Parameter(help="Index of the leaf, from 0.")],
    /,
    *,
    key: Key = None,
    output: Annotated[Path | None, Parameter(help="File to write; default: INDEX.tlog-proof.")] = None,
    as_json: Json = False,
) -> None:
    """Write a C2SP tlog-proof that a leaf is in the log: with the leaf it can be checked without network."""
    from hanse.flows.inspect_log import prove_leaf
    from hanse.store.outfile import replace_file, require_writable

    path = output or Path(f"{index}.tlog-proof")
    require_writable(path)
    with _opened(url, key) as log:
        proof, leaf = prove_leaf(log, index)
    replace_file(path, proof.encode())
    if as_json:
        print(json.dumps(_log_json(log) | {"index": index, "leaf": leaf.decode("utf-8", "replace"), "file": str(path)}, indent=2))
    else:
        print(leaf.decode("utf-8", "backslashreplace"))
        print(f"proved in {log.origin} at {log.size} leaves; wrote {path}", file=sys.stderr)


@app.command
def judge(
    file: Annotated[Path, Parameter(help="Evidence of an alarm, as hanse witness alarms --evidence prints it.")],
    /,
    *,
    key: Annotated[list[str] | None, Parameter(help="Key of a log (vkey) that no trusted federation lists.")] = None,
    as_json: Json = False,
) -> None:
    """Check the evidence of an alarm, by keys of trusted federations or `--key`; needs no network.

    It proves that a log signed two roots for one size, that its leaves break the rules or have a key or an owner that nobody
    handed over, or that two trees of one commit id were signed. Exits with 1 if it proves nothing by itself.
    """
    from hanse.flows.bounded import read_bounded
    from hanse.flows.federation.known import known_roots
    from hanse.flows.federation.seen import FOLDER
    from hanse.flows.foreign.proved import MAX_EVIDENCE_BYTES
    from hanse.flows.foreign.proved import judge as judged
    from hanse.model.repo import parse_origin
    from hanse.tlog.note import parse_vkey

    logs = dict(known_roots(_home() / FOLDER, SystemClock().now()).logs)
    for text in key or ():
        given = parse_vkey(text)
        logs[parse_origin(given.name)] = (*logs.get(parse_origin(given.name), ()), given)
    found = judged(read_bounded(file, MAX_EVIDENCE_BYTES), logs)
    if as_json:
        print(json.dumps({"proved": True} | asdict(found), indent=2))
    else:
        print("\n".join(map(_clean, _proved(found))))


def _proved(found: Proved) -> list[str]:
    """Return what the evidence of an alarm proves, in words."""
    from hanse.flows.foreign.proved import ChangedKeys, Convicted, FalseLog

    if isinstance(found, FalseLog):
        return [f"proved: {found.origin} signed {found.size} false leaves: {found.says}"]
    if isinstance(found, ChangedKeys):
        return [f"proved: {found.origin} signed {found.size} leaves, in which"] + [f"  {says}" for says in found.says]
    if isinstance(found, Convicted):
        says = f"proved: {found.origin} signed two different roots for its size {found.size}"
        return [says] + [f"  root      {root}" for root in found.roots]
    said = zip(found.logs, found.trees, strict=True)
    return [f"proved: two trees of {found.repo} at {found.rev} were signed"] + [f"  {log} signed {tree}" for log, tree in said]


@app.command
def check(url: Url, /, *, key: Key = None, as_json: Json = False) -> int:
    """Read a whole log, replay it, and compare its maps, snapshots and tiles; say what a reader should know.

    Exits with 0 if every rule holds, 1 otherwise.
    """
    from hanse.flows.inspect_log import check_whole_log

    with _opened(url, key) as log, _progress(log.size) as advance:
        found = check_whole_log(log, _home(), SystemClock().now(), advance)
    if as_json:
        print(json.dumps(_check_json(found), indent=2, ensure_ascii=False))
    else:
        _print_check(found)
    return 0


def _check_json(found: CheckedLog) -> dict[str, Any]:
    refs, advisories = found.roots
    return _log_json(found.log) | {
        "refs": {"count": found.refs, "root": refs.hex()},
        "advisories": {"count": found.advisories, "root": advisories.hex()},
        "snapshot": found.snapshot,
        "snapshotIsCurrent": found.covered,
        "understood": found.understood,
        "tiles": found.files,
        "distrusted": dict(found.keys.distrusted),
        "alarms": list(found.alarms),
    }


def _print_check(found: CheckedLog) -> None:
    _print_log(found.log)
    at = "no snapshot" if found.snapshot is None else f"snapshot at leaf {found.snapshot}"
    current = "" if found.covered else ", not of the newest changes"
    print(f"  replayed  every leaf keeps the rules; {found.files:,} hash tiles are those of the leaves")
    print(f"  maps      {found.refs:,} refs, {found.advisories:,} advisories in force; {at}{current}")
    for fingerprint, after in found.keys.distrusted.items():
        print(f"  distrust  key {fingerprint[:16]} counts to leaf {after} only")
    if not found.understood:
        print("  caution   some leaves are of kinds that this version does not know and must: what is latest is undecidable")
    for says in found.alarms:
        print(f"  ALARM     {_clean(says)}")


def _print_log(log: OpenLog) -> None:
    words = {
        "new": "first contact, unauthenticated",
        "pinned": "continues what was seen before",
        "configured": "by the given key",
    }
    print(f"{log.origin}: {log.size:,} leaves, root {log.root.hex()}")
    for key in log.verified.by:
        print(f"  key       {key.text} ({words[log.known.value]})")


def _log_json(log: OpenLog) -> dict[str, Any]:
    keys = [key.text for key in log.verified.by]
    return {"origin": log.origin, "size": log.size, "root": log.root.hex(), "keys": keys, "known": log.known.value}


def _summary(leaf: bytes) -> str:
    """Return one line about a leaf."""
    try:
        fields = json.loads(leaf)
        names = ("time", "kind", "op", "use", "repo", "ref", "to", "rev", "predicate", "id", "key")
        return " ".join(str(fields[name])[:60] for name in names if name in fields)
    except (ValueError, TypeError, RecursionError):
        return f"{len(leaf)} bytes that are no leaf of ours"


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Say on standard error how far a long check has come."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if total > _PROGRESS and before // _PROGRESS != done // _PROGRESS:
            print(f"checked {done:,} of {total:,} leaves", file=sys.stderr, flush=True)

    yield advance


def _time(seconds: int) -> str:
    from hanse.clock import rfc3339

    return rfc3339(seconds)


def _clean(text: str) -> str:
    from hanse.cli.printable import clean

    return clean(text)
