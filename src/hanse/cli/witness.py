"""`hanse witness`: whom this node asks for cosignatures, and whose logs it cosigns."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, day, settings_of, show

if TYPE_CHECKING:
    from hanse.db.alarms import Alarm
    from hanse.db.cosigners import Cosigner
    from hanse.db.witnesses import WitnessedLog
    from hanse.flows.keeper import WitnessNode

app = App(name="witness", help="Cosignatures of this node's log, and of others.", default_parameter=Parameter(negative=()))
Mirror = Annotated[bool, Parameter(help="A mirror: one that replays the log and holds it.")]
_WORDS = 60


@contextmanager
def _opened(where: Where | None) -> Iterator[WitnessNode]:
    """Open an existing node as far as cosigning needs it; it may be serving meanwhile."""
    from hanse.opening import opened_witness

    with opened_witness(settings_of(where)) as node:
        yield node


def _kind(mirror: bool) -> str:
    return "mirror" if mirror else "witness"


@app.command(name="key")
def key(
    *,
    url: Annotated[str, Parameter(help="Address of this node, for the commands that others run.")] = "URL",
    where: Where | None = None,
) -> None:
    """Print this node's keys as others add them: as a log, as a witness and as a mirror."""
    from hanse.flows.cosigners import commands, own_keys, witness_keys

    with _opened(where) as node:
        keys = own_keys(node)
        for use, one in (("log", keys["log"]), *(("witness", key) for key in witness_keys(node)), ("mirror", keys["mirror"])):
            print(f"{use:8}{one.text}")
        print("\nOthers run:")
        for line in commands(node, url):
            print(f"    {line}")


@app.command(name="add")
def add(vkey: str, url: str, /, *more: str, mirror: Mirror = False, where: Where | None = None) -> None:
    """Ask a witness of another institution for cosignatures of this node's log.

    VKEY as its operator's `hanse witness key` prints it, URL what comes before /add-checkpoint; further keys of the same name may
    follow. A running node asks it within seconds.
    """
    from hanse.flows.cosigners import add_cosigner

    with _opened(where) as node:
        added = add_cosigner(node, [vkey, *more], url, _kind(mirror))
    print(f"{added.kind} {added.name} is asked at {added.url}")


@app.command(name="remove")
def remove(name: str, /, *, mirror: Mirror = False, where: Where | None = None) -> None:
    """Ask a witness no more; what it has cosigned stays."""
    from hanse.flows.cosigners import remove_cosigner

    with _opened(where) as node:
        remove_cosigner(node, name, _kind(mirror))
    print(f"{name} is not asked any more")


@app.command(name="log-add")
def log_add(
    vkey: str,
    /,
    *more: str,
    url: Annotated[str, Parameter(help="Address of the log, such as https://models.example.org/log.")] = "",
    where: Where | None = None,
) -> None:
    """Cosign the log of another institution, as a witness, and with --url as a mirror, too.

    VKEY is the log's key, named by its origin; further keys may follow while it changes keys. With --url the log is followed and
    replayed, and a copy of it is kept and served.
    """
    from hanse.flows.cosigners import add_log

    with _opened(where) as node:
        added = add_log(node, [vkey, *more], url)
    print(
        f"the log {added.origin} is witnessed from size {added.size}" + (f" and mirrored from {added.url}" if added.url else "")
    )


@app.command(name="list")
def list_(*, as_json: Json = False, where: Where | None = None) -> None:
    """Show who cosigns this node's log and how far, which logs it cosigns, and the alarms that are open."""
    from hanse.db import alarms, cosigners, witnesses

    with _opened(where) as node, node.db.read() as conn:
        found = {
            "cosigners": [_cosigner(one) for one in cosigners.every(conn)],
            "logs": [_log(one) for one in witnesses.every(conn)],
            "alarms": [_alarm(one) for one in alarms.every(conn)],
        }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, rows in found.items():
        print(f"{name}:")
        show([{key: str(value)[:_WORDS] if value else None for key, value in row.items()} for row in rows], as_json=False)


def _cosigner(one: Cosigner) -> dict[str, object]:
    asked = day(one.asked_at or None)
    return {"name": one.name, "kind": one.kind, "size": one.size, "asked": asked, "failure": one.failure, "url": one.url}


def _log(one: WitnessedLog) -> dict[str, object]:
    stand = {"size": one.size, "cosigned": day(one.time or None), "mirrored": one.mirrored}
    return {"log": one.origin, **stand, "failure": one.failure, "url": one.url}


def _alarm(one: Alarm) -> dict[str, object]:
    return {"alarm": one.id, "kind": one.kind, "log": one.origin, "at": day(one.created_at), "says": one.says}


@app.command(name="policy")
def policy(
    *,
    need: Annotated[int | None, Parameter(help="How many cosignatures a reader asks for; default all.")] = None,
    mirror: Mirror = False,
    ml_dsa: Annotated[bool, Parameter(help="Ask for ML-DSA-44 cosignatures of those who make them.")] = False,
    toml: Annotated[bool, Parameter(help="A whole policy file for hanse verify, with witnesses and mirrors.")] = False,
    url: Annotated[str, Parameter(help="Address of this node's log, written into the policy.")] = "",
    where: Where | None = None,
) -> None:
    """Print the C2SP tlog-policy by which readers accept this node's log: its cosigners, and how many of them it takes.

    What a reader should know of it, such as that two quorums need not share an honest witness, is said on standard error.
    """
    from hanse.flows.cosigners import cautions_of, reader_policy
    from hanse.flows.cosigners import policy as policy_of

    with _opened(where) as node:
        made = reader_policy if toml else partial(policy_of, kind=_kind(mirror))
        text = made(node, need=need, url=url, ml_dsa=ml_dsa)
        print(text, end="", flush=True)
        for one in cautions_of(text, toml=toml):
            print(f"note: {one}", file=sys.stderr)


@app.command(name="alarms")
def alarms_(
    *,
    close: Annotated[int | None, Parameter(help="Close the alarm with this number: somebody has looked into it.")] = None,
    evidence: Annotated[int | None, Parameter(help="Print what convinces others of the alarm with this number.")] = None,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """Show open alarms: contradictions that were seen, and the evidence that convinces anybody else."""
    from hanse.db import alarms
    from hanse.errors import NotFoundError

    with _opened(where) as node:
        if close is not None:
            with node.db.write() as conn:
                if not alarms.close(conn, close):
                    raise NotFoundError(f"there is no open alarm {close}")
        with node.db.read() as conn:
            rows = alarms.every(conn, closed=evidence is not None)
        if evidence is not None:
            print(_evidence(node, rows, evidence).decode("utf-8", "replace"))
            return
    show([_alarm(one) for one in rows], as_json=as_json)


def _evidence(node: WitnessNode, rows: Sequence[Alarm], number: int) -> bytes:
    """Return what convinces others of an alarm, put together from what is held here."""
    from hanse.errors import NotFoundError
    from hanse.flows.foreign.convincing import complete

    found = next((one for one in rows if one.id == number), None)
    if found is None:
        raise NotFoundError(f"there is no alarm {number}")
    return complete(node, found)
