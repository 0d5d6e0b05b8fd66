"""`hanse sign`: a publisher signs his model with his own key, on his own machine, and attaches that to what he uploaded."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from hanse.cli.expected import as_told, printable
from hanse.cli.inplace import clear, show
from hanse.cli.remote import Node, ask, fetch, node_address, split_name
from hanse.clock import SystemClock
from hanse.errors import Conflict, InputError, StorageError

if TYPE_CHECKING:
    from hanse.model.entry import Entry
    from hanse.model.publickey import Signer
    from hanse.model.repo import RepoId

app = App(name="sign", help="Sign a model with your own key.", default_parameter=Parameter(negative=()))
Key = Annotated[str, Parameter(help="Your private key: a PEM file, or a place such as hsm:3?label=TOKEN.")]
_MADE_HERE = ".gitattributes"
"""The file that a node puts into every repository: signed too, although folders seldom have it."""


@app.default
def sign(
    folder: Annotated[Path, Parameter(help="Folder with the model's files.")],
    /,
    *,
    key: Key,
    repo: Annotated[str, Parameter(help="ORG/NAME@REVISION it was uploaded as; without: sign the folder alone.")] = "",
    out: Annotated[Path | None, Parameter(help="File to write; default FOLDER.sig, or nothing with --repo.")] = None,
    detached: Annotated[bool, Parameter(help="With --repo: only write the file, attach nothing.")] = False,
    node: Node = "",
) -> None:
    """Sign the files of a folder: as they are, or as the revision of a repository to which the signature is attached.

    Every file is hashed here. With --repo the folder must be the revision, file by file; what the node says of it is believed in
    nothing but the commit id.
    """
    from hanse.keys.custody import open_signer
    from hanse.store.outfile import replace_file, require_writable

    target = None if repo and out is None and not detached else out or folder.with_name(f"{folder.resolve().name}.sig")
    require_writable(target)
    signer = open_signer(key, passphrase())
    if repo:
        path, rev = split_name(repo)
        base = node_address(node)
        lines = _revision(folder, signer, f"{base}/api/{path}", rev, out)
        if not detached:
            address = f"{base}/api/{path}/attestations/{quote(_rev_of(lines), safe='')}"
            answer = fetch("POST", address, b"\n".join(lines))
            with as_told("what it logged"):
                for one in printable(json.loads(answer)):
                    print(f"{one['predicate']} by key {one['key'][:16]} is leaf {one['index']} of the log")
    else:
        lines = [_folder(folder, signer, out)]
    if target is not None:
        replace_file(target, b"\n".join(lines) + b"\n")
        print(f"{target}, signed with key {signer.public.fingerprint}")


def passphrase() -> str | None:
    """Return the passphrase of key files that the settings name, None if there is none."""
    from hanse.flows.keyring import read_passphrase
    from hanse.settings import from_machine

    settings = from_machine({})
    return settings.key_passphrase if settings.key_passphrase_file is None else read_passphrase(settings.key_passphrase_file)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """Give a function that counts bytes and shows them on a terminal."""
    total, shown = 0, 0.0

    def advance(size: int) -> None:
        nonlocal total, shown
        total += size
        if time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            show(f"{what}: {total / 1e6:,.0f} MB")

    yield advance
    clear()


def _folder(folder: Path, signer: Signer, out: Path | None) -> bytes:
    from hanse.flows.sign_folder import hash_folder
    from hanse.sign.bundle import make_bundle
    from hanse.sign.oms import folder_statement

    with _progress("hashing") as advance:
        entries = hash_folder(folder, [] if out is None else [out], advance)
    return make_bundle(folder_statement(folder.resolve().name, entries), signer).encode()


def _revision(folder: Path, signer: Signer, address: str, rev: str, out: Path | None) -> list[bytes]:
    """Return the bundles about a revision: its manifest and, where the owner's word moves refs, its positions."""
    from hanse.flows.sign_folder import hash_folder, require_same, tree_of
    from hanse.model.digest import parse_git_oid
    from hanse.model.repo import RefName
    from hanse.sign.bundle import make_bundle
    from hanse.sign.oms import manifest_statement
    from hanse.sign.statement import ref_statement

    said = ask("GET", f"{address}/manifest/{quote(rev, safe='')}")
    with _progress("hashing") as advance:
        entries = hash_folder(folder, [] if out is None else [out], advance)
    with as_told("what is to be signed"):
        wanted = [_listed(row) for row in said["files"]]
        commit, named, told = parse_git_oid(said["rev"]), _repo_of(said, address), str(said["tree"])
        owners, positions = (
            [*said["owners"]] if said["public"] else [],
            [(str(one["ref"]), int(one["seq"])) for one in said["positions"]],
        )
    entries += _made_here(entries, wanted, address, commit)
    require_same(entries, wanted)
    tree = tree_of(entries)
    if tree != told:
        raise Conflict(f"the files have the tree {tree}, the node says {told[:64]!r}")
    lines = [make_bundle(manifest_statement(named.name, entries, named, commit, tree), signer).encode()]
    if signer.public.fingerprint in owners:
        for ref, seq in positions:
            statement = ref_statement(named, RefName(ref), seq, commit, tree)
            lines.append(make_bundle(statement, signer).encode())
    return lines


def _listed(row: dict[str, Any]) -> Entry:
    from hanse.model.digest import NO_GIT_OID, parse_sha256, parse_xet
    from hanse.model.entry import Entry
    from hanse.model.repo import parse_path

    digests = parse_sha256(row["sha256"]), parse_xet(row["xet"])
    return Entry(parse_path(row["path"]), int(row["size"]), *digests, NO_GIT_OID, lfs=False)


def _made_here(entries: list[Entry], wanted: list[Entry], address: str, rev: str) -> list[Entry]:
    """Return the file that the node itself put into the repository, fetched and hashed here, if the folder lacks it."""
    import tempfile

    from hanse.flows.sign_folder import hash_folder

    if any(one.path == _MADE_HERE for one in entries) or all(one.path != _MADE_HERE for one in wanted):
        return []
    base, _, path = address.partition("/api/")
    data = fetch("GET", f"{base}/{path.removeprefix('models/')}/resolve/{rev}/{_MADE_HERE}")
    print(f"signed as well, although not in the folder: {_MADE_HERE} ({len(data)} bytes)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / _MADE_HERE).write_bytes(data)
        return hash_folder(Path(folder))


def _repo_of(said: dict[str, Any], address: str) -> RepoId:
    """Return the repository that is signed for: the one that was asked for, at the origin that the node answers for."""
    from hanse.model.repo import parse_origin, parse_repo_id, parse_repo_type

    kind, _, path = address.partition("/api/")[2].partition("/")
    named = parse_repo_id(parse_origin(said["origin"]), parse_repo_type(kind), said["repo"])
    if named.folded != path.lower():
        raise Conflict(f"the node answers about {named.path} instead of {path}", hint="name the repository as it is called now")
    return named


def _rev_of(lines: list[bytes]) -> str:
    payload = json.loads(base64.b64decode(json.loads(lines[0])["dsseEnvelope"]["payload"]))
    return str(payload["predicate"]["rev"])


@app.command(name="key")
def make(file: Annotated[Path, Parameter(help="File to write; it must not exist.")], /) -> None:
    """Make a private key of your own for signing (ECDSA P-256) and print its fingerprint; keep the file, and a copy.

    FILE.pub is its public half, for those who verify: hanse verify FOLDER --bundle FOLDER.sig --key FILE.pub.
    """
    from hanse.keys.files import generate, put_new
    from hanse.model.publickey import Scheme

    made = generate(Scheme.ECDSA_P256)
    try:
        file.absolute().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = put_new(file.absolute(), made.pem(passphrase()))
    except OSError as error:
        raise StorageError(f"cannot make {file}: {error.strerror}") from error
    if not written:
        raise InputError(f"{file} exists already", hint="choose another name; a key that is overwritten is lost")
    public = file.absolute().with_name(f"{file.name}.pub")
    try:
        public.write_text(made.public.pem, encoding="ascii")
    except OSError as error:
        raise StorageError(f"{file} is made, but not {public}: {error.strerror}") from error
    print(made.public.fingerprint)


@app.command
def register(
    namespace: str,
    /,
    *,
    key: Key,
    old: Annotated[str, Parameter(help="Private key that answers for the namespace now, if you hold it already.")] = "",
    node: Node = "",
) -> None:
    """Let your own key answer for your namespace: from then on a new version counts elsewhere only once you signed it."""
    from hanse.flows.ownerkeys import Voucher, handover_leaf
    from hanse.keys.custody import open_signer
    from hanse.model.digest import Sha256
    from hanse.model.key_leaf import handover_bytes
    from hanse.model.repo import parse_origin

    base, new = node_address(node), open_signer(key, passphrase()).public
    body: dict[str, Any] = {"spki": new.text}
    if old:
        present = open_signer(old, passphrase())
        with as_told("its origin"):
            origin = parse_origin(ask("GET", f"{base}/healthz")["origin"])
        voucher = Voucher(SystemClock().now(), Sha256(present.public.fingerprint), "")
        sig = present.sign(handover_bytes(handover_leaf(origin, namespace, new, voucher)))
        body["handover"] = {"time": voucher.time, "by": voucher.by, "sig": base64.b64encode(sig).decode()}
    done = ask("POST", f"{base}/v1/namespaces/{quote(namespace, safe='')}/keys", body)
    with as_told("the key"):
        print(f"key {printable(done['key'])} answers for {namespace.lower()}")
