"""Whom a node asks for cosignatures, and whose logs it cosigns itself: what its operator decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hanse.db import cosigners, witnesses
from hanse.db.cosigners import Cosigner
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadFormat, Conflict, NotFoundError
from hanse.flows.keeper import Keeper
from hanse.flows.loaded_policy import complete
from hanse.flows.policies import cautions
from hanse.flows.witness import find_log, mirror_name, witness_name
from hanse.peers.client import parse_base
from hanse.policy.parse import parse_policy
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import COSIGNATURE, ED25519, ML_DSA_COSIGNATURE, NoteKey, parse_vkey
from hanse.tlog.tlogpolicy import make_tlog_policy, overlap_warnings, parse_tlog_policy

WITNESS, MIRROR = "witness", "mirror"
MAX_KEYS = 8
_ADD = "hanse witness add VKEY URL"


def own_keys(node: Keeper) -> dict[str, NoteKey]:
    """Return the keys with which this node signs checkpoints of its own log, and cosigns others as a witness and as a mirror."""
    return {
        "log": NoteKey(node.origin, node.keys.log.public, ED25519),
        WITNESS: cosigner_key(witness_name(node.origin), node.keys.witness.public),
        MIRROR: cosigner_key(mirror_name(node.origin), node.keys.mirror.public),
    }


def witness_keys(node: Keeper) -> tuple[NoteKey, ...]:
    """Return all keys with which this node cosigns as a witness: Ed25519, and ML-DSA-44 if it has such a key."""
    return tuple(cosigner_key(witness_name(node.origin), one.public) for one in node.keys.witnesses)


def commands(node: Keeper, address: str) -> list[str]:
    """Return what other operators run to be cosigned by this node, whose address is given, and to cosign its log."""
    keys, (first, *more) = own_keys(node), witness_keys(node)
    return [
        " ".join(("hanse witness add", first.text, f"{address}/witness", *(key.text for key in more))),
        f"hanse witness add {keys[MIRROR].text} {address}/mirror --mirror",
        f"hanse witness log-add {keys['log'].text} --url {address}/log",
    ]


def add_cosigner(node: Keeper, vkeys: Sequence[str], url: str, kind: str) -> Cosigner:
    """Ask a witness or mirror of somebody else from now on; one that is asked already gets the new keys and address.

    Raises BadFormat for keys that are no cosigner's or of different names, InputError for a bad address, Conflict for this node's
    own: who runs a log cannot witness it.
    """
    keys = _keys(vkeys, (COSIGNATURE, ML_DSA_COSIGNATURE), "a cosigner")
    own = {key.public.fingerprint for key in (*own_keys(node).values(), *witness_keys(node))}
    name = keys[0].name
    if name in (witness_name(node.origin), mirror_name(node.origin)) or own & {key.public.fingerprint for key in keys}:
        raise Conflict(f"{name} is this node itself, and who runs a log cannot witness it", hint="ask another institution")
    row = Cosigner(name, kind, "\n".join(key.text for key in keys), parse_base(url), node.clock.now())
    with node.db.write() as conn:
        cosigners.put(conn, row)
    return row


def remove_cosigner(node: Keeper, name: str, kind: str) -> None:
    """Ask a cosigner no more; what it cosigned stays. Raises NotFoundError if it was not asked."""
    with node.db.write() as conn:
        if not cosigners.remove(conn, name, kind):
            raise NotFoundError(f"{name[:200]} is not among the {kind} cosigners", hint="hanse witness list shows them")


def add_log(node: Keeper, vkeys: Sequence[str], url: str = "") -> WitnessedLog:
    """Witness a log from now on, and mirror it if its address is given; one that is witnessed keeps its size.

    Raises BadFormat for keys that are no log's or of different origins, InputError for a bad address, Conflict for the own log.
    """
    keys = _keys(vkeys, (ED25519,), "a log")
    origin = keys[0].name
    if origin == node.origin or node.keys.log.public.fingerprint in {key.public.fingerprint for key in keys}:
        raise Conflict(f"{origin} is this node's own log, which others have to witness", hint=_ADD)
    with node.db.write() as conn:
        address = parse_base(url) if url else ""
        witnesses.add(conn, origin, tuple(key.text for key in keys), address, EMPTY_ROOT.hex())
    return find_log(node, origin)


def _keys(vkeys: Sequence[str], kinds: tuple[int, ...], what: str) -> list[NoteKey]:
    keys = [parse_vkey(text) for text in vkeys]
    if not 1 <= len(keys) <= MAX_KEYS:
        raise BadFormat(f"{what} has 1 to {MAX_KEYS} keys, got {len(keys)}")
    if any(key.kind not in kinds for key in keys):
        wanted = " or ".join(f"{kind:#04x}" for kind in kinds)
        raise BadFormat(f"the keys of {what} are of kind {wanted}", hint="`hanse witness key` of the other node prints all three")
    if len({key.name for key in keys}) > 1:
        raise BadFormat(f"all keys of {what} have one name, got {', '.join(sorted({key.name for key in keys}))[:200]}")
    return keys


def policy(node: Keeper, kind: str, need: int | None, url: str = "", *, ml_dsa: bool = False) -> str:
    """Return the C2SP tlog-policy by which readers accept this node's log: `need` of its cosigners of a kind, default all.

    ml_dsa: ask those cosigners for ML-DSA-44 cosignatures that have such a key, as a policy knows one key of each. Raises
    NotFoundError if there are none, BadFormat if they are fewer.
    """
    with node.db.read() as conn:
        rows = [row for row in cosigners.every(conn) if row.kind == kind]
    if not rows:
        raise NotFoundError(f"this node has no {kind} cosigners", hint=_ADD)
    keys = {f"{kind}-{number}": _asked(row, ml_dsa=ml_dsa) for number, row in enumerate(rows, 1)}
    return make_tlog_policy(own_keys(node)["log"], keys, len(rows) if need is None else need, url)


def _asked(row: Cosigner, *, ml_dsa: bool) -> NoteKey:
    """Return the key of a cosigner that a policy asks for: one of the kind that is wanted, if it has one."""
    keys = [parse_vkey(text) for text in row.vkey.splitlines()]
    wanted = ML_DSA_COSIGNATURE if ml_dsa else COSIGNATURE
    return next((key for key in keys if key.kind == wanted), keys[0])


def reader_policy(node: Keeper, need: int | None, url: str = "", *, ml_dsa: bool = False) -> str:
    """Return a whole policy file for readers of this node's log: the preset `careful` with its witnesses and its mirrors.

    ml_dsa: as for `policy`. Raises NotFoundError if it has neither, BadFormat if they are fewer than `need`.
    """
    lines = [
        f"# What a reader asks for before he uses what {node.origin} publishes.",
        "# Save it as policy.toml in HANSE_HOME, or name it: hanse verify --policy FILE",
        "policy = 1",
        'base = "careful"',
        f'name = "{node.origin}"',
    ]
    with node.db.read() as conn:
        kinds = {row.kind for row in cosigners.every(conn)}
    if not kinds:
        raise NotFoundError("this node has no cosigners", hint=_ADD)
    for kind in (WITNESS, MIRROR):
        if kind in kinds:
            lines += ["", f"[{kind}.logs]", f"\"{node.origin}\" = '''", policy(node, kind, need, url, ml_dsa=ml_dsa) + "'''"]
    text = "\n".join(lines) + "\n"
    parse_policy(text)
    return text


def cautions_of(text: str, *, toml: bool = False, faulty: int = 1) -> tuple[str, ...]:
    """Return what readers should know of a policy as `policy` makes it (`reader_policy`: toml), where so many cosigners lie."""
    if not toml:
        return overlap_warnings(parse_tlog_policy(text), faulty)
    return cautions(complete(parse_policy(text), "this node", Path()), faulty)
