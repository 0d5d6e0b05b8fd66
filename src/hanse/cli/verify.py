"""`hanse verify`: whether a folder is the model that its publisher signed, and what that is worth."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hanse.cli.verify_export import is_export, verify_one
from hanse.clock import SystemClock
from hanse.errors import HanseError, InputError, PolicyError, VerificationFailed
from hanse.flows.hashing import short_turns
from hanse.flows.local_files import Hashing, Place, find_place, list_place
from hanse.flows.remembered import Remembered
from hanse.store.outfile import require_writable

if TYPE_CHECKING:
    from hanse.flows.verify import VerifiedRevision
    from hanse.flows.verify_folder import Outcome, Question, Source
    from hanse.flows.verify_receipt import Received
    from hanse.model.publickey import PublicKey
    from hanse.model.receipt import Receipt
    from hanse.model.repo import Origin

SILENT_SECONDS = 5.0
"""How long a publisher is waited for whose model somebody else gave."""
_PROGRESS_FROM = 256 << 20


def verify(
    path: Annotated[Path, Parameter(help="Folder of the model, its entry in the Hugging Face cache, or an export.")],
    /,
    *,
    bundle: Annotated[Path | None, Parameter(help="Evidence file, receipt, or a Sigstore bundle of another tool.")] = None,
    repo: Annotated[str | None, Parameter(help="NAMESPACE/NAME; its evidence comes from a node.")] = None,
    repo_type: Annotated[Literal["model", "dataset"], Parameter(help="What the repository is.")] = "model",
    revision: Annotated[str | None, Parameter(help="Commit id, branch or tag; default: main.")] = None,
    node: Annotated[str | None, Parameter(help="Address of the node. Default: HANSE_NODE, else HF_ENDPOINT.")] = None,
    origin: Annotated[str | None, Parameter(help="Who must answer for the name.")] = None,
    tree: Annotated[str | None, Parameter(help="Tree that the revision must have: a pin.")] = None,
    policy: Annotated[str | None, Parameter(help="Policy: a preset, a name, or a file.")] = None,
    key: Annotated[list[Path] | None, Parameter(help="Public key (PEM) of a signer that is trusted by hand.")] = None,
    offline: Annotated[bool, Parameter(help="Use no network.")] = False,
    complete: Annotated[bool, Parameter(help="Fail if a file of the manifest is absent.")] = False,
    rehash: Annotated[bool, Parameter(help="Read every file, also those that did not change since they were verified.")] = False,
    store: Annotated[Path | None, Parameter(help="Store that knows of recalls. Default: HANSE_STORE or HANSE_HOME/held.")] = None,
    save_evidence: Annotated[Path | None, Parameter(help="Write the evidence to this file.")] = None,
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False,
) -> int:
    """Verify that a folder holds what was signed, logged and witnessed.

    What `hanse pull` received is verified with its receipt if nothing else is named. Exits with 0 if every file that is there is
    the signed one and the policy is met, 1 otherwise.
    """
    if bundle is None and repo is None and is_export(path) and not (path.is_dir() and _is_received(path)):
        return verify_one(path, policy=policy, as_json=as_json)
    place = find_place(path, revision)
    require_writable(save_evidence)
    data = _evidence(place, bundle, repo, offline=offline)
    with _hashing(place, [one for one in (bundle, save_evidence) if one], rehash=rehash) as (hashing, progress):
        question = _question(place, bundle, repo=repo, repo_type=repo_type, revision=revision, origin=origin, tree=tree)
        try:
            receipt, question, data = _receipt(data, question)
            if receipt is not None and not data:
                found = _received(hashing, receipt, policy=policy, waiting=progress)
                return _told_received(found, _recalls(store, receipt), complete=complete, as_json=as_json)
            with _source(data, node, offline=offline) as source:
                outcome = _verify(hashing, source, question, policy=policy, keys=_keys(key or []), waiting=progress)
                recalled = _recalls(store, outcome.revision, asked=source.online)
        except (VerificationFailed, PolicyError) as error:
            return _refused(error, as_json=as_json)
    if save_evidence is not None:
        _save(save_evidence, outcome)
    return _told(outcome, receipt, recalled, complete=complete, as_json=as_json)


def _is_received(path: Path) -> bool:
    """Tell whether a folder is what `hanse pull` received: then it is a model, whatever files it has."""
    from hanse.flows.receipts import find_receipt

    return find_receipt(_home(), find_place(path)) is not None


def _evidence(place: Place, bundle: Path | None, repo: str | None, *, offline: bool) -> bytes | None:
    """Return the file that was named, None if a node is to be asked, else the receipt of what lies there.

    Raises InputError if there is none of these.
    """
    if bundle is not None:
        from hanse.flows.bounded import read_bounded
        from hanse.model.receipt import MAX_RECEIPT_BYTES

        return read_bounded(bundle, MAX_RECEIPT_BYTES)
    found = None
    if repo is None:
        from hanse.flows.receipts import find_receipt

        found = find_receipt(_home(), place)
    if found is None and (repo is None or offline):
        raise InputError(
            "there is nothing to verify with" if not offline else "without network, evidence comes from a file",
            hint="name an evidence file with --bundle, or a repository with --repo and its node with --node",
        )
    return found


def _receipt(data: bytes | None, question: Question) -> tuple[Receipt | None, Question, bytes | None]:
    """Return the receipt in a file if there is one, what is to be verified, and the evidence that is left of the file."""
    from hanse.model.receipt import RECEIPT_TYPE, split_receipt

    if data is None or RECEIPT_TYPE.encode() not in data:
        return None, question, data
    from hanse.flows.verify_receipt import ask_of

    receipt, rest = split_receipt(data)
    return receipt, ask_of(receipt, question) if receipt else question, rest.strip() or None


def _received(hashing: Hashing, receipt: Receipt, *, policy: str | None, waiting: Callable[[], None]) -> Received:
    from hanse.flows.policies import load_policy
    from hanse.flows.verify_receipt import verify_received

    home, now = _home(), SystemClock().now()
    return verify_received(hashing, receipt, policy=load_policy(policy, home), home=home, now=now, waiting=waiting)


def _verify(
    hashing: Hashing,
    source: Source,
    question: Question,
    *,
    policy: str | None,
    keys: tuple[PublicKey, ...],
    waiting: Callable[[], None],
) -> Outcome:
    from hanse.flows.policies import load_policy
    from hanse.flows.verify_folder import verify_folder

    home, now = _home(), SystemClock().now()
    chosen = load_policy(policy, home)
    _renew(source, home, now, chosen.policy.freshness.max_age)
    silent = _silent(source, question, home, now)
    return verify_folder(hashing, source, question, policy=chosen, home=home, now=now, keys=keys, silent=silent, waiting=waiting)


def _renew(source: Source, home: Path, now: int, max_age: int) -> None:
    """Look for newer versions of federations that have expired, or were not looked at for long; say where nobody showed any."""
    from hanse.flows.federation.seen import FOLDER, seen_in

    if not source.online or not seen_in(home / FOLDER):
        return
    from hanse.cli.printable import clean
    from hanse.flows.federation.renew import Renewing, overdue

    Renewing(home / FOLDER).once(now, max_age)
    for line in overdue(home / FOLDER, now, max_age):
        print(f"note: {clean(line)}", file=sys.stderr)


def _silent(source: Source, question: Question, home: Path, now: int) -> frozenset[Origin]:
    """Return the publisher, if he is a member of a trusted federation, another node is asked, and he does not answer."""
    if not source.online:
        return frozenset()
    from hanse.flows.federation.known import known_roots
    from hanse.flows.federation.seen import FOLDER
    from hanse.flows.fetch_evidence import NodeSource, silent_owner

    if not isinstance(source, NodeSource):
        return frozenset()
    from hanse.peers.client import PeerClient

    with closing(PeerClient(seconds=SILENT_SECONDS)) as client:
        return silent_owner(client, source.node, known_roots(home / FOLDER, now), question.repo)


def _recalls(store: Path | None, about: Receipt | VerifiedRevision, *, asked: bool = False) -> tuple[str, ...]:
    """Return a line if this machine has learnt that nobody gives the revision any more.

    asked: a node was asked, which shows what holds now.
    """
    if asked:
        return ()
    from hanse.flows.recalls import recalls
    from hanse.home import held_folder

    return recalls(held_folder(os.environ, _home(), store)[0], about.repo, about.rev)


def _save(path: Path, outcome: Outcome) -> None:
    from hanse.flows.verify_folder import save_evidence

    save_evidence(path, outcome)


@contextmanager
def _hashing(place: Place, leave_out: list[Path], *, rehash: bool) -> Iterator[tuple[Hashing, Callable[[], None]]]:
    """Begin to read the files, and show how far that is once nothing else is left to do."""
    remembered = Remembered() if rehash else Remembered.of(_home(), place.root)
    listing = list_place(place, leave_out)
    settled = 0

    def advance(count: int) -> None:
        nonlocal settled
        settled += count

    with short_turns():
        hashing = Hashing(listing, remembered, advance=advance)
        try:
            yield hashing, lambda: _show_progress(hashing, lambda: settled)
        finally:
            hashing.stop()


def _show_progress(hashing: Hashing, settled: Callable[[], int]) -> None:
    """Show a bar on a terminal while big files are read."""
    if hashing.total < _PROGRESS_FROM or not sys.stderr.isatty():
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("hashing", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hashing", total=hashing.total, completed=settled())
        while not hashing.wait(0.1):
            bar.update(task, completed=settled())


def _home() -> Path:
    from hanse.home import home_folder

    return home_folder(os.environ)


def _keys(paths: list[Path]) -> tuple[PublicKey, ...]:
    from hanse.model.publickey import MAX_KEY_BYTES, PublicKey

    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(PublicKey.from_pem(file.read(MAX_KEY_BYTES)))
        except OSError as error:
            raise InputError(f"cannot read the key {path}: {error.strerror}") from error
    return tuple(found)


@contextmanager
def _source(data: bytes | None, node: str | None, *, offline: bool) -> Iterator[Source]:
    from hanse.flows.verify_folder import FileSource

    if data is not None and (offline or not (node or os.environ.get("HANSE_NODE"))):
        yield FileSource(data)
        return
    from hanse.flows.credentials import Credentials
    from hanse.flows.fetch_evidence import NodeSource, node_address
    from hanse.flows.named_servers import before
    from hanse.peers.client import PeerClient

    environ = before(os.environ)
    url = node_address(node, environ)
    tokens = Credentials(_home(), environ)
    with closing(PeerClient()) as client:
        yield NodeSource(client, url, tokens.token_for(url), data, _home())


def _question(
    place: Place,
    bundle: Path | None,
    *,
    repo: str | None,
    repo_type: str,
    revision: str | None,
    origin: str | None,
    tree: str | None,
) -> Question:
    from hanse.flows.verify_folder import Question
    from hanse.model.digest import parse_sha256
    from hanse.model.repo import parse_origin, parse_repo_type

    own = ""
    if bundle is not None:
        resolved = Path(os.path.realpath(bundle))
        own = resolved.relative_to(place.root).as_posix() if resolved.is_relative_to(place.root) else ""
    return Question(
        repo=repo,
        type=parse_repo_type(repo_type),
        # A client of the Hub keeps files under their commit id: that is what they claim to be.
        revision=revision or (place.rev if repo else None),
        origin=parse_origin(origin) if origin else None,
        tree=parse_sha256(tree) if tree else None,
        own_file=own,
    )


def _refused(error: HanseError, *, as_json: bool) -> int:
    from hanse.cli.verified import refusal_json, refusal_text

    print(json.dumps(refusal_json(error), indent=2, ensure_ascii=False) if as_json else refusal_text(error))
    return 1


def _told_received(received: Received, recalled: tuple[str, ...], *, complete: bool, as_json: bool) -> int:
    from hanse.cli.received import received_json, received_text
    from hanse.cli.verified import file_failures

    failed = file_failures(received.files, complete=complete) + recalled
    now = SystemClock().now()
    if as_json:
        print(json.dumps(received_json(received, failed), indent=2, ensure_ascii=False))
    else:
        print(received_text(received, failed, now))
    return 1 if failed else 0


def _told(outcome: Outcome, receipt: Receipt | None, recalled: tuple[str, ...], *, complete: bool, as_json: bool) -> int:
    from hanse.cli.verified import failures, to_json, to_text

    failed = failures(outcome, complete=complete) + recalled
    if receipt is not None:
        from hanse.flows.verify_receipt import contradictions

        failed += contradictions(receipt, ((one.path, one.sha256) for one in outcome.revision.files))
    now = SystemClock().now()
    print(json.dumps(to_json(outcome, failed), indent=2, ensure_ascii=False) if as_json else to_text(outcome, failed, now))
    return 1 if failed else 0
