"""`hanse key`: the keys of a node and of its namespaces, on the node's own machine.

Whoever may write the data folder is the operator; no token is asked for. What changes a key is queued for the log and told to
readers when the node next runs; the commands may run beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, day, settings_of, show
from hanse.errors import BadFormat, BadSetting, StorageError

if TYPE_CHECKING:
    from hanse.flows.keychanges import Rotated
    from hanse.flows.node import Node
    from hanse.keys.files import FileSigner
    from hanse.model.publickey import PublicKey, Signer

app = App(name="key", help="Keys of a node and of its namespaces.", default_parameter=Parameter(negative=()))
Use = Literal["log", "witness", "mirror", "attest", "ref"]
Shown = Literal["log", "witness", "witness-ml-dsa", "mirror", "attest", "ref"]
_MAX_FILE = 16_384


@app.command(name="list")
def list_keys(*, as_json: Json = False, where: Where | None = None) -> None:
    """List the keys that the log knows: what for, whose, since when, and whether they are in force."""
    from hanse.cli.upkeep import tended
    from hanse.db import logkeys

    with tended(settings_of(where)) as node:
        current = {key.public.fingerprint for key in node.keys.named.values()}
        with node.db.read() as conn:
            known = logkeys.every(conn)
    rows = [
        {
            "use": row.use,
            "namespace": row.namespace or None,
            "fingerprint": row.key,
            "state": row.state,
            "held by": "this node" if row.key in current else row.holder or "operator",
            "since": day(row.since),
        }
        for row in known
    ]
    show(rows, as_json=as_json)


@app.command(name="show")
def show_key(use: Shown, /, *, as_json: Json = False, where: Where | None = None) -> None:
    """Show one of the node's own keys: scheme, fingerprint, where it is kept, what the log says of it, its verifier key."""
    from hanse.cli.upkeep import tended
    from hanse.opening import custody_of

    settings = settings_of(where)
    with tended(settings) as node:
        facts = _facts(node, use) | {"kept in": custody_of(settings).place(settings.data, use)}
    if as_json:
        show([facts], as_json=True)
        return
    for name, value in facts.items():
        print(f"{name + ':':<14}{value}")


def _facts(node: Node, use: str) -> dict[str, object]:
    from hanse.db import logkeys

    key = node.keys.of(use).public
    with node.db.read() as conn:
        row = logkeys.get(conn, use.partition("-")[0], "", key.fingerprint)
    facts: dict[str, object] = {"use": use, "scheme": key.scheme.value, "fingerprint": key.fingerprint}
    facts["in the log"] = "not yet" if row is None else f"{row.state}, since {day(row.since)}"
    vkey = verifier_key(node, use)
    return facts | ({"verifier key": vkey} if vkey else {})


def verifier_key(node: Node, use: str) -> str:
    """Return the key as readers of signed notes write it; "" for keys that sign no notes."""
    from hanse.flows.witness import mirror_name, witness_name
    from hanse.tlog.cosignature import cosigner_key

    key = node.keys.of(use).public
    if use == "log":
        return node.log.key.text
    if use.startswith("witness"):
        return cosigner_key(witness_name(node.origin), key).text
    return cosigner_key(mirror_name(node.origin), key).text if use == "mirror" else ""


@app.command
def export(
    use: Shown,
    /,
    *,
    vkey: Annotated[bool, Parameter(help="Print the verifier key of signed notes instead of PEM.")] = False,
    where: Where | None = None,
) -> None:
    """Print the public half of one of the node's own keys, as PEM."""
    from hanse.cli.upkeep import tended

    with tended(settings_of(where)) as node:
        text = verifier_key(node, use) if vkey else node.keys.of(use).public.pem
    if not text:
        raise BadSetting(f"the {use} key signs no notes", hint="leave --vkey out")
    print(text.strip())


@app.command
def fingerprint(file: Path, /) -> None:
    """Print the fingerprint of a key in a file: public or private PEM, or a verifier key. Needs no node."""
    print(_read_public(file).fingerprint)


def _read_public(file: Path) -> PublicKey:
    from hanse.model.publickey import PublicKey
    from hanse.tlog.note import parse_vkey

    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_FILE)
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}") from error
    if b"PRIVATE KEY" in data:
        return _private(file).public
    if data.startswith(b"-----BEGIN"):
        return PublicKey.from_pem(data)
    try:
        return parse_vkey(data.decode().strip()).public
    except (BadFormat, UnicodeDecodeError) as error:
        raise BadFormat(f"{file} holds neither a key in PEM nor a verifier key") from error


def _private(file: Path) -> FileSigner:
    from hanse.keys.files import read_key

    return read_key(file, _passphrase())


def _passphrase() -> str | None:
    from hanse.flows.keyring import read_passphrase
    from hanse.settings import from_machine

    settings = from_machine({})
    return settings.key_passphrase if settings.key_passphrase_file is None else read_passphrase(settings.key_passphrase_file)


@app.command
def rotate(
    use: Use,
    /,
    *,
    to: Annotated[str, Parameter(help="Place of the new key, such as hsm:3?label=TOKEN; default a new file.")] = "",
    lost: Annotated[
        bool, Parameter(help="The old key is lost: the one that is there now replaces it, and readers are alarmed.")
    ] = False,
    where: Where | None = None,
) -> None:
    """Replace one of the node's own keys; the old key vouches for the new one in the log. Restart the node afterwards."""
    from hanse.cli.upkeep import tended
    from hanse.flows import keychanges
    from hanse.opening import custody_of

    settings = settings_of(where)
    if lost and to:
        raise BadSetting(f"--lost takes the key that the node has now; set key_{use} to {to} first, then leave --to out")
    with tended(settings) as node:
        if lost:
            done = keychanges.replace_lost(node, use)
        else:
            done = keychanges.rotate(node, settings.data, custody_of(settings), use, to=to or None)
    print("\n".join(_told(done, to)))


_TOLD = {"log": "those who cosign this log", **dict.fromkeys(("witness", "mirror"), "those whose logs it cosigns")}


def _told(done: Rotated, to: str) -> list[str]:
    lines = [f"{done.use} key {done.old[:16]} is replaced by {done.new.fingerprint}"]
    if done.namespaces:
        lines.append(f"it answers for: {', '.join(done.namespaces)}")
    if to:
        lines.append(f'now set key_{done.use} = "{to}" in the settings of the node')
    if done.kept is not None:
        lines.append(f"the old private key is kept as {done.kept}; destroy it when no process uses it any more")
    if done.use in _TOLD:
        lines.append(f"tell {_TOLD[done.use]}, who refuse it until then: hanse witness key prints their commands")
    return [*lines, "restart every process of the node: until then it signs no positions and statements with a replaced key"]


@app.command
def distrust(
    key: str,
    /,
    *,
    after: Annotated[int, Parameter(help="Index of the last leaf of the log in which its signatures count.")],
    with_successors: Annotated[bool, Parameter(help="Also the keys that it vouched for after that.")] = False,
    where: Where | None = None,
) -> None:
    """Say in the log that a key was stolen: what it signed in leaves after an index counts for nothing."""
    from hanse.cli.upkeep import tended
    from hanse.flows import keychanges

    with tended(settings_of(where)) as node:
        leaf = keychanges.distrust(node, key, after, successors=with_successors)
    print(f"key {leaf.key} is distrusted after leaf {leaf.after} of {leaf.origin}")


@app.command
def handover(
    namespace: str,
    /,
    *,
    to: Annotated[str, Parameter(help="File with the public key of who holds it from now on, or `operator`.")],
    with_: Annotated[
        str, Parameter(name="--with", help="Place of the private key of its present holder; default the node's.")
    ] = "",
    where: Where | None = None,
) -> None:
    """Let another key answer for a namespace: its owner's, or the operator's again; the key before vouches for it."""
    from hanse.cli.upkeep import tended
    from hanse.flows import keychanges
    from hanse.keys.custody import open_signer
    from hanse.model.key_leaf import Holder

    by: Signer | None = open_signer(with_, _passphrase()) if with_ else None
    with tended(settings_of(where)) as node:
        operator = to == "operator"
        new = node.keys.ref.public if operator else _read_public(Path(to))
        leaf = keychanges.hand_over(node, namespace, new, Holder.OPERATOR if operator else Holder.OWNER, by)
    print(f"{leaf.namespace} is answered for by key {leaf.key}, held by its {'operator' if operator else 'owner'}")
