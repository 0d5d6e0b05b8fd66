"""The composition root: builds the node from settings and serves it."""

from __future__ import annotations

import gc
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from hanse.clock import Clock, SystemClock
from hanse.db.engine import Database
from hanse.errors import StorageError
from hanse.flows.accounts import ensure_administrator, set_claims
from hanse.flows.attest import attest_next
from hanse.flows.attest_scan import attest_scan_next, scan_passed_next
from hanse.flows.audits.background import Auditing
from hanse.flows.audits.counted import failed
from hanse.flows.credentials import Credentials
from hanse.flows.epochs import Epochs
from hanse.flows.federation.enact import claims_of
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.keyleaves import register_keys
from hanse.flows.listing import Listings
from hanse.flows.logstate import LogState
from hanse.flows.logview import LogView
from hanse.flows.maintenance import Maintenance
from hanse.flows.node import Node
from hanse.flows.opinions import ask_next
from hanse.flows.outward import Outward, own_target
from hanse.flows.rejudge import Rejudging, apply_policy
from hanse.flows.replays import Replays
from hanse.flows.replicate.background import Copier, Replicating, Setup
from hanse.flows.replicate.pace import parse_hours
from hanse.flows.replicate.plan import Wishes
from hanse.flows.rulesets import builtin_ruleset, load_ruleset
from hanse.flows.scanner import Asking, Scanning
from hanse.flows.scans import ScanHook
from hanse.flows.secrets import NodeIdentity, open_identity
from hanse.flows.sequence import Sequencer
from hanse.flows.settle import Settling, Step, judge_next
from hanse.jobs.opinion import installed_version
from hanse.jobs.pool import OPINIONS, ScanPool
from hanse.jobs.sandbox import JobLimits
from hanse.logs import configure_logging
from hanse.model.admission import Action, Policy
from hanse.model.repo import Origin
from hanse.opening import custody_of, database_url
from hanse.policy.copies import Copies, parse_copies
from hanse.settings import Settings
from hanse.store.durable import make_directory, storage_errors
from hanse.store.local import LocalStore
from hanse.store.staging import Staging
from hanse.web.repeats import limit_repeats
from hanse.web.server import build_app
from hanse.web.serving import address_of, bind, config_of, run
from hanse.web.through import PullThrough

if TYPE_CHECKING:
    from hanse.app_through import OpenedThrough

YOUNG_OBJECTS = 10_000
"""How many objects more there are before the youngest are looked through for garbage."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open node, what its first start has to tell (the administrator's token, shown once), and what it does by itself."""

    node: Node
    identity: NodeIdentity
    first_token: str | None
    maintenance: Maintenance | None
    rejudging: Rejudging | None
    settling: Settling | None = None
    outward: Outward | None = None
    replicating: Replicating | None = None
    auditing: Auditing | None = None
    upstream: OpenedThrough | None = None


def open_node(settings: Settings, *, clock: Clock | None = None, sequence: bool = True, rebuilding: bool = False) -> Opened:
    """Open or create the node in the data folder; its journal is recovered and its sequencer runs (if `sequence`).

    Without `sequence` the node is only looked at or tended beside a serving one, whose settings may be others. rebuilding: the
    catalogue is empty on purpose. Raises BadSetting for settings that contradict what the first start fixed, StorageError when
    disk or database fail.
    """
    chosen = clock or SystemClock()
    with storage_errors("make the data folder"):
        make_directory(settings.data, 0o700, above=0o755)
    db = Database(database_url(settings))
    db.migrate()
    identity = open_identity(settings.data, db, settings.origin, custody_of(settings), rebuilding=rebuilding)
    node = _node(settings, db, identity, chosen)
    token = ensure_administrator(db, chosen, settings.admin_token)
    if not sequence:
        return Opened(node, identity, token, None, None)
    _claim(settings, node)
    apply_policy(node)
    register_keys(node)
    return _start(settings, node, identity, token)


def _claim(settings: Settings, node: Node) -> None:
    """Take in which namespaces are other members': federations say so, and the settings, which have the last word."""
    told = {name: Origin(origin) for name, origin in settings.claimed.items()}
    set_claims(node.db, claims_of(FederationFiles(settings.data / "federation"), node.origin) | told)


def _start(settings: Settings, node: Node, identity: NodeIdentity, token: str | None) -> Opened:
    """Start everything that the node does by itself."""
    node.sequencer.start()
    maintenance, rejudging = Maintenance(node), Rejudging(node)
    maintenance.start()
    rejudging.start()
    settling = open_settling(node, settings)
    settling.start()
    outward = Outward(
        node,
        partial(own_target, node),
        refresh=settings.cosign_seconds,
        follow=settings.follow_seconds,
        federations=FederationFiles(settings.data / "federation"),
        enacted=partial(_claim, settings, node),
        hub=node,
    )
    outward.start()
    replicating = open_replicating(node, settings)
    if replicating is not None:
        replicating.start()
    auditing = Auditing(node, FederationFiles(settings.data / "federation"), settings.audit_seconds)
    auditing.start()
    upstream = _through(settings, node)
    return Opened(node, identity, token, maintenance, rejudging, settling, outward, replicating, auditing, upstream)


def replicate_setup(settings: Settings) -> Setup:
    """Return what the operator allows for copies; raises BadFormat or StorageError for rules that cannot be read."""
    return Setup(
        Wishes(settings.replicate_pins, settings.replicate_grace_seconds),
        parse_hours(settings.replicate_hours),
        settings.replicate_rate,
        settings.replicate_capacity,
        settings.replicate_silent_seconds,
        _rules(settings),
        failed,
        Credentials(settings.home, {}).token_for,
    )


def _rules(settings: Settings) -> Copies | None:
    """Return the operator's rules for copies, if he has any."""
    if settings.replicate_rules is None:
        return None
    try:
        return parse_copies(settings.replicate_rules.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the rules for copies {settings.replicate_rules}: {error}") from error


def open_replicating(node: Node, settings: Settings) -> Replicating | None:
    """Return what holds copies for other members, None if that is switched off; nothing runs before it is started."""
    if not settings.replicate:
        return None
    return Replicating(Copier(node, replicate_setup(settings)), min(settings.follow_seconds, 60))


def _through(settings: Settings, node: Node) -> OpenedThrough | None:
    """Return what answers for the upstream, if there is one."""
    if settings.upstream is None:
        return None
    from hanse.app_through import open_through  # noqa: PLC0415 most nodes have none

    return open_through(settings, node)


def _app(opened: Opened, settings: Settings) -> ASGIApp:
    """Return the web application of an open node."""
    if opened.upstream is None:
        return build_app(opened.node, settings)
    return build_app(opened.node, settings, PullThrough(opened.upstream.through))


def _node(settings: Settings, db: Database, identity: NodeIdentity, clock: Clock) -> Node:
    """Return the node with everything that its flows need; nothing of it runs yet."""
    store, staging, state = LocalStore(settings.data / "objects"), Staging(settings.data / "staging"), LogState(db)
    staging.purge(clock.now())
    node = Node(
        origin=identity.origin,
        keys=identity.keys,
        store=store,
        staging=staging,
        db=db,
        clock=clock,
        limits=settings.limits,
        secret=identity.secret,
        epochs=Epochs(db, identity.epoch),
        listings=Listings(),
        sequencer=Sequencer(db, store, clock, state=state),
        log=LogView(db, store, identity.origin, identity.keys.log, state),
        aliases=settings.aliases,
        scanning=open_scanning(settings),
        federations=FederationFiles(settings.data / "federation"),
        replays=Replays(store, db),
        rules=_rules(settings),
        evaluations=settings.data / "evaluations",
    )
    if node.scanning is not None:
        node.transfers.hook = partial(ScanHook, node.scanning)
    return node


def open_settling(node: Node, settings: Settings) -> Settling:
    """Return what judges revisions as a whole once they rested; nothing runs before it is started."""
    rest, stopping = settings.settle_seconds, threading.Event()
    steps: list[Step] = [partial(judge_next, node, rest), partial(ask_next, node, rest, stopping)]
    steps += [partial(attest_next, node, rest), partial(attest_scan_next, node, rest), partial(scan_passed_next, node)]
    return Settling(steps, min(rest, 30), stopping)


def open_scanning(settings: Settings) -> Scanning | None:
    """Return the scanner that the settings ask for; its workers start with the first file. Raises BadFormat for a bad ruleset."""
    if settings.scan == "off":
        return None
    policy = Policy(
        enforce=settings.scan == "enforce",
        malicious=Action(settings.scan_malicious),
        suspicious=Action(settings.scan_suspicious),
        inconclusive=Action(settings.scan_inconclusive),
        error=Action(settings.scan_error),
    )
    rules = builtin_ruleset() if settings.scan_ruleset is None else load_ruleset(settings.scan_ruleset)
    limits = JobLimits(seconds=settings.scan_seconds, memory=settings.scan_memory_bytes)
    pool = ScanPool(settings.scan_workers, limits)
    return Scanning(pool, rules, policy, clamd=settings.clamd or "", asking=open_asking(settings, limits))


def open_asking(settings: Settings, limits: JobLimits) -> Asking | None:
    """Return the other scanners that are asked in the background, None if there are none."""
    version = installed_version() if settings.scan_picklescan == "auto" else ""
    command = tuple(shlex.split(settings.scan_also or ""))
    if not version and not command:
        return None
    return Asking(ScanPool(1, limits, OPINIONS) if version else None, version, command)


def close_node(opened: Opened) -> None:
    """Stop the sequencer and close the database; what was acknowledged is already durable."""
    if opened.upstream is not None:
        opened.upstream.close()
    if opened.auditing is not None:
        opened.auditing.stop()
    if opened.replicating is not None:
        opened.replicating.stop()
    if opened.outward is not None:
        opened.outward.stop()
    if opened.settling is not None:
        opened.settling.stop()
    if opened.rejudging is not None:
        opened.rejudging.stop()
    if opened.maintenance is not None:
        opened.maintenance.stop()
    if opened.node.scanning is not None:
        opened.node.scanning.close()
    opened.node.sequencer.stop()
    opened.node.db.close()


@contextmanager
def opened_node(settings: Settings, *, clock: Clock | None = None) -> Iterator[Node]:
    """Open the node for the length of a `with` block."""
    opened = open_node(settings, clock=clock)
    try:
        yield opened.node
    finally:
        close_node(opened)


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, drain, and return the exit status."""
    configure_logging(settings.log_format, settings.log_level)
    listener = bind(settings)
    address = address_of(settings, listener)
    opened = open_node(settings, sequence=settings.workers == 1)
    _greet(opened, address)
    if settings.workers > 1:
        close_node(opened)
        return _serve_workers(settings, listener, address)
    try:
        app = _app(opened, settings)
        set_apart()
        run(app, settings, listener)
    finally:
        close_node(opened)
    return 0


def set_apart() -> None:
    """Keep what a start has made out of later garbage collections, and let these be fewer.

    It stays until the process ends, and walking through it again and again took a fifth of the time of a busy sequencer. Nearly
    all that is made later goes when its last user does; collecting every 700 objects, as is the default, took another tenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _greet(opened: Opened, address: str) -> None:
    lines = [f"Hanse node {opened.node.origin}"]
    if opened.first_token is not None:
        lines += [
            "",
            "First start. The administrator's token, shown only now:",
            f"    {opened.first_token}",
            "",
            "Point Hugging Face tools at this node:",
            f"    export HF_ENDPOINT={address}",
            f"    export HF_TOKEN={opened.first_token}",
            "    hf upload admin/my-model ./folder",
            "    hf download admin/my-model",
            "",
        ]
    print("\n".join(lines), flush=True)  # noqa: T201 addressed to the person who started the node


@dataclass(slots=True)
class _WorkerApp:
    """Builds the application inside a worker process; uvicorn carries it there."""

    settings: Settings
    opened: Opened | None = None

    def __call__(self) -> ASGIApp:
        configure_logging(self.settings.log_format, self.settings.log_level)
        limit_repeats()
        self.opened = open_node(self.settings)
        app = _app(self.opened, self.settings)
        set_apart()
        return app

    def close(self) -> None:
        if self.opened is not None:
            close_node(self.opened)


def _serve_workers(settings: Settings, listener: socket.socket, address: str) -> int:
    from hanse.web.workers import Workers  # noqa: PLC0415 only this branch needs it

    workers = Workers(config_of(_WorkerApp(settings), settings, workers=settings.workers), listener, address)
    workers.run()
    return 1 if workers.failed else 0
