"""`hanse federation`: begin one, join one, change it together, follow it. Files travel by any channel.

A change is proposed by one member, signed by as many as the threshold asks for, each on his own machine, and published by anyone.
Leaving needs nobody. The commands work on the node's own data folder; the node may run beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from hanse.cli.admin import Where, settings_of
from hanse.cli.usage import WrongUsage
from hanse.clock import SystemClock
from hanse.errors import InputError, NotFoundError, StorageError

if TYPE_CHECKING:
    from hanse.flows.federation.kept import Federation, FederationFiles
    from hanse.flows.keeper import WitnessNode
    from hanse.model.digest import Sha256
    from hanse.model.publickey import Signer
    from hanse.model.repo import Origin
    from hanse.sign.proposal import Proposal
    from hanse.tlog.members import Member

app = App(
    name="federation", help="Institutions that watch and hold each other's models.", default_parameter=Parameter(negative=())
)
app.command(
    "hanse.cli.federation_state:status", name="status", help="Show members, keys, versions, and what is not protected yet."
)
app.command("hanse.cli.federation_state:rekey", name="rekey", help="Ask to change with another key than before.")
KEY = "federation.key"
MAX_FILE = 16 * 1024 * 1024
Key = Annotated[
    str | None,
    Parameter(help="Key for changing federations: a PEM file, or `hsm:KEYID?label=TOKEN`. Default: in the data folder."),
]
Out = Annotated[Path | None, Parameter(help="File to write.")]
Name = Annotated[str | None, Parameter(help="Which federation, if the node is in several.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Listed:
    """How a member is listed."""

    title: Annotated[str, Parameter(help="Name of the institution, for people.")]
    address: Annotated[list[str], Parameter(help="Address of the node, as others reach it; the best one first.")]
    namespace: Annotated[list[str], Parameter(help="Namespace that is yours in the whole federation.")] = field(
        default_factory=list
    )
    capacity: Annotated[str, Parameter(help="How much you offer to hold for others, such as `2 TiB`.")] = "0"
    static: Annotated[bool, Parameter(help="You publish files only, and answer no questions.")] = False


@contextmanager
def opened(where: Where | None) -> Iterator[tuple[WitnessNode, FederationFiles, Path]]:
    """Open the node as far as federations need it, with what is kept of them and the folder of its keys."""
    from hanse.flows.federation.kept import FederationFiles
    from hanse.opening import opened_witness

    settings = settings_of(where)
    with opened_witness(settings) as node:
        yield node, FederationFiles(settings.data / "federation"), settings.data / "keys"


def signer_of(place: str | None, keys: Path, where: Where | None = None, *, make: bool = False) -> Signer:
    """Return the operator's key for changing federations; `make` makes the one in the data folder if there is none.

    An encrypted file and a token are opened with the passphrase that the node's settings name. Raises NotFoundError without a
    key, and as `hanse.keys.custody.open_signer`.
    """
    from hanse.flows.keyring import read_passphrase
    from hanse.keys.custody import open_signer
    from hanse.keys.files import make_key
    from hanse.model.publickey import Scheme

    path = keys / KEY
    if place is not None:
        settings = settings_of(where)
        file = settings.key_passphrase_file
        return open_signer(place, settings.key_passphrase if file is None else read_passphrase(file))
    if not path.exists() and not make:
        raise NotFoundError(
            f"there is no key for changing federations in {keys}", hint="name it with --key, or begin with --quick"
        )
    return make_key(path, Scheme.ED25519)


def chosen(files: FederationFiles, name: str | None) -> Federation:
    """Return the federation of this name, or the only one; raises NotFoundError, or InputError if there are none or several."""
    from hanse.model.repo import parse_origin

    names = files.names()
    if name is None and len(names) != 1:
        raise InputError(
            "this node is in no federation" if not names else f"this node is in {len(names)} federations: {', '.join(names)}",
            hint="name one" if names else "hanse federation init, or join",
        )
    wanted = parse_origin(name) if name else names[0]
    if wanted not in names:
        raise NotFoundError(
            f"this node is not in the federation {wanted}",
            hint=f"it is in {', '.join(names)}" if names else "hanse federation init, or join",
        )
    return files.load(wanted)


def _member(node: WitnessNode, listed: Listed) -> Member:
    from hanse.flows.federation.enact import own_member
    from hanse.settings import parse_size

    size = 0 if listed.capacity == "0" else parse_size(listed.capacity)
    addresses = [one.rstrip("/") for one in listed.address]
    made = own_member(node, listed.title, addresses, namespaces=listed.namespace, capacity=size)
    return replace(made, static=listed.static)


@app.command(name="init")
def init(
    name: str,
    /,
    *,
    listed: Listed,
    quick: Annotated[bool, Parameter(help="Make the key in the data folder of the node, to begin at once.")] = False,
    key: Key = None,
    where: Where | None = None,
) -> None:
    """Begin a federation named NAME, such as `models.example`, with this node as its first member.

    With --quick one key on this machine signs everything, and `hanse federation status` lists what that leaves unprotected.
    """
    from hanse.flows.federation.change import begin
    from hanse.flows.federation.enact import enact
    from hanse.model.repo import parse_origin

    if key is None and not quick:
        raise WrongUsage(
            "a federation is changed with a key that is better not on a server", hint="name one with --key, or say --quick"
        )
    with opened(where) as (node, files, keys):
        origin = parse_origin(name)
        if origin in files.names():
            raise InputError(f"the federation {name} is known here already", hint="hanse federation status")
        member = _member(node, listed)
        made = begin(origin, member, signer_of(key, keys, where, make=True), SystemClock().now())
        files.keep(made)
        enact(node, made)
    print(f"federation {name} with one member\nfingerprint {made.first}")
    print(f"others join it: hanse federation invite {name}")


@app.command(name="invite")
def invite(name: Name = None, /, *, out: Out = None, where: Where | None = None) -> None:
    """Write the file with which another institution can ask to join: name, fingerprint, addresses. It is no secret."""
    from hanse.flows.federation.follow import addresses

    with opened(where) as (_, files, _keys):
        found = chosen(files, name)
    told = {"v": 1, "federation": found.name, "first": found.first, "addresses": addresses(found)}
    path = out or Path(f"{found.name}.invite")
    write_file(path, json.dumps(told, indent=2).encode())
    print(f"{path}: send it to whom you want to join; they run:")
    print(f'hanse federation join {path.name} --title "THEIR INSTITUTION" --address https://THEIR.NODE')


@app.command(name="join")
def join(
    invitation: Path,
    /,
    *,
    listed: Listed,
    key: Key = None,
    out: Out = None,
    where: Where | None = None,
) -> None:
    """Ask to join a federation, or to be listed otherwise: write a request that its members propose and sign."""
    from hanse.flows.federation.change import make_request
    from hanse.model.repo import parse_origin
    from hanse.model.strictjson import parse_strict

    told = parse_strict(_read(invitation), "an invitation", 1 << 20)
    name = parse_origin(str(told.get("federation", "")))
    with opened(where) as (node, files, keys):
        member = _member(node, listed)
        request = make_request(name, member, signer_of(key, keys, where, make=True), node.keys.log)
        told_first = _meet(files, name, str(told.get("first", "")), [str(one) for one in told.get("addresses", [])][:20])
    path = out or Path(f"{node.origin}.request")
    write_file(path, request)
    print(told_first)
    print(f"{path}: send it to a member, who runs: hanse federation propose --add {path.name}")
    print("once they have published it: hanse federation update")


def _meet(files: FederationFiles, name: Origin, first: str, urls: Sequence[str]) -> str:
    """Get to know the federation as far as somebody answers; who is offline learns of it later."""
    from hanse.errors import HanseError
    from hanse.flows.federation.follow import meet
    from hanse.peers.client import PeerClient

    if name in files.names():
        return f"the federation {name} is known here already"
    said = ["nobody was named"]
    with closing(PeerClient()) as client:
        for url in urls:
            try:
                found = meet(client, files, url, first)
            except HanseError as error:
                said.append(error.message)
            else:
                return f"federation {found.name}, fingerprint {found.first}: compare it with what its members publish"
    return f"the federation was not reached: {said[-1]}"


@app.command(name="propose")
def propose(
    name: Name = None,
    /,
    *,
    add: Annotated[list[Path] | None, Parameter(help="Request of who joins, or is listed otherwise.")] = None,
    remove: Annotated[list[str] | None, Parameter(help="Origin of a member to take off the list.")] = None,
    retire: Annotated[list[str] | None, Parameter(help="Beginning of the fingerprint of a key that shall sign no more.")] = None,
    distrust: Annotated[
        list[str] | None,
        Parameter(help="Key of a member that counts no longer: ORIGIN/FINGERPRINT@INDEX."),
    ] = None,
    need: Annotated[int | None, Parameter(help="How many signatures a change needs from then on.")] = None,
    policy: Annotated[Path | None, Parameter(help="Defaults of the content policy, as TOML.")] = None,
    copies: Annotated[Path | None, Parameter(help="Rules for copies among members, as TOML.")] = None,
    unsigned: Annotated[bool, Parameter(help="Do not sign it at once.")] = False,
    key: Key = None,
    out: Out = None,
    where: Where | None = None,
) -> None:
    """Write a proposal, signed by you, for the others to sign; without options it only renews the dates of expiry."""
    from hanse.flows.federation import change as changes
    from hanse.model.repo import parse_origin
    from hanse.sign.proposal import sign_proposal

    with opened(where) as (_, files, keys):
        found = chosen(files, name)
        change = changes.Change(
            add=tuple(changes.parse_request(_read(path)) for path in add or ()),
            remove=tuple(parse_origin(one) for one in remove or ()),
            need=need,
            retire=tuple(retire or ()),
            distrust=tuple(map(_distrusted, distrust or ())),
            policy=None if policy is None else _policy(policy),
            copies=None if copies is None else _copies(copies),
        )
        proposal = changes.propose(found, change, SystemClock().now())
        proposal = proposal if unsigned else sign_proposal(proposal, signer_of(key, keys, where))
    path = out or Path(f"{found.name}.{found.trusted.targets_version + 1}.proposal")
    write_file(path, proposal.encode())
    print("\n".join(changes.explain(found, proposal)))
    print(f"{path}: {_missing(found, proposal, path)}")


def _distrusted(text: str) -> tuple[Origin, Sha256, int]:
    """Return whose key counts up to which index of his log; raises BadSetting, BadRepoId or BadDigest."""
    from hanse.errors import BadSetting
    from hanse.model.digest import parse_sha256
    from hanse.model.repo import parse_origin

    named, at, index = text.rpartition("@")
    origin, _, key = named.partition("/")
    if not (at and index.isascii() and index.isdecimal() and len(index) <= 15):
        raise BadSetting(
            f"expected ORIGIN/FINGERPRINT@INDEX, got {text[:120]!r}",
            hint="INDEX: of the last leaf of the member's log at which the key counts; hanse log show URL lists leaves",
        )
    return parse_origin(origin), parse_sha256(key), int(index)


def _policy(path: Path) -> str:
    from hanse.flows.federation.defaults import check_policy

    data = _read(path)
    check_policy(data, path.stem)
    return data.decode()


def _copies(path: Path) -> str:
    from hanse.policy.copies import parse_copies

    text = _read(path).decode("utf-8", "replace")
    parse_copies(text)
    return text


def _missing(federation: Federation, proposal: Proposal, path: Path) -> str:
    """Return how far a proposal is from being publishable, in words."""
    from hanse.sign.proposal import lacking

    lacks = lacking(federation.trusted, proposal)
    if not lacks:
        return f"signed by enough: hanse federation publish {path}"
    return f"{'; '.join(lacks)}: others sign it with hanse federation sign {path.name}"


@app.command(name="sign")
def sign(
    proposal: Path,
    /,
    *,
    key: Key = None,
    out: Annotated[Path | None, Parameter(help="File to write; default: the same file.")] = None,
    where: Where | None = None,
) -> None:
    """Show what a proposal changes, and sign it."""
    from hanse.flows.federation.change import explain
    from hanse.sign.proposal import parse_proposal, sign_proposal

    parsed = parse_proposal(_read(proposal))
    with opened(where) as (_, files, keys):
        found = chosen(files, parsed.name)
        print("\n".join(explain(found, parsed)))
        signed = sign_proposal(parsed, signer_of(key, keys, where))
    write_file(out or proposal, signed.encode())
    print(f"{out or proposal}: {_missing(found, signed, out or proposal)}")


@app.command(name="publish")
def publish(*proposals: Path, where: Where | None = None) -> None:
    """Put copies of one proposal together and, if enough signed it, make it the federation's new state."""
    from hanse.flows.federation.change import settle
    from hanse.flows.federation.enact import enact
    from hanse.sign.proposal import merge, parse_proposal

    merged = merge([parse_proposal(_read(path)) for path in proposals])
    with opened(where) as (node, files, _):
        after = settle(chosen(files, merged.name), merged)
        files.keep(after)
        told = enact(node, after)
    print(f"{after.name}: root version {after.trusted.root_version}, targets version {after.trusted.targets_version}")
    print("\n".join(told))
    print("the others take it up from this node: hanse federation update")


@app.command(name="update")
def update(
    name: Name = None,
    /,
    *,
    node: Annotated[list[str] | None, Parameter(name="--from", help="Address to ask first.")] = None,
    where: Where | None = None,
) -> int:
    """Walk to the newest state that other members have, and act on it. Exits with 1 if somebody showed something false."""
    from hanse.flows.federation.enact import enact
    from hanse.flows.federation.follow import update as walk
    from hanse.peers.client import PeerClient

    with opened(where) as (keeper, files, _), closing(PeerClient()) as client:
        trip = walk(client, files, chosen(files, name).name, node or [])
        told = enact(keeper, trip.federation)
    trusted = trip.federation.trusted
    print(f"{trip.federation.name}: root version {trusted.root_version}, targets version {trusted.targets_version}")
    print(
        "\n".join(
            [*told, *(f"no answer: {one}" for one in trip.down), *(f"FALSE at {at}: {one}" for at, one in trip.wrong.items())]
        )
    )
    return 1 if trip.wrong else 0


@app.command(name="leave")
def leave(name: Name = None, /, *, where: Where | None = None) -> None:
    """Leave a federation: nobody has to agree. Everything that this node holds stays here."""
    from hanse.flows.federation.enact import withdraw

    with opened(where) as (node, files, _):
        found = chosen(files, name)
        withdraw(node, found)
        files.forget(found.name)
    print(f"this node follows {found.name} no more, and everything that it holds stays here")
    print(f"tell the others, who take it off their list: hanse federation propose --remove {node.origin}")


def _read(path: Path) -> bytes:
    from hanse.flows.bounded import read_bounded

    return read_bounded(path, MAX_FILE)


def write_file(path: Path, data: bytes) -> None:
    """Write a file that travels; raises StorageError."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
