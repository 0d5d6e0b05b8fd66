"""Getting evidence from a node: the file of a revision, and proofs that its logs go on from where they were seen before.

The node is only a carrier: what it answers is verified, and what it does not answer is missed. Where a log was seen before, its
tiles at the node prove that both checkpoints are of one log; without the proof the log is refused later (`Trust.ask_growth`),
because hiding a fork would look just like that.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hanse.errors import HanseError, InputError, NotFoundError, PeerRefused, Recalled
from hanse.flows.federation.roots import Roots
from hanse.flows.named_servers import PUBLIC_HUB, nodes_of
from hanse.flows.pins import LogPin, Pins, read_pins
from hanse.flows.verify_folder import Question
from hanse.model.evidence import MAX_EVIDENCE_BYTES, LogEvidence, parse_evidence
from hanse.model.repo import Origin, RepoType, parse_repo_id
from hanse.peers.client import PeerClient, in_words, parse_base
from hanse.peers.logclient import LogClient
from hanse.peers.staticsite import StaticSite
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note
from hanse.tlog.proof import consistency_proof

MAX_RECALL = 1000
PAUSES = (0.5, 1.0, 1.5, 2.0)
"""Seconds until a node is asked once more that shows a log shorter than it was seen: told so, it reads that log soon."""


@dataclass(frozen=True, slots=True)
class NodeSource:
    """Evidence from a node. token: what the node may be told, or empty; data: the file, if it is here already.

    With `data` the node is only asked how logs went on since they were seen, and is not needed for it. home: HANSE_HOME, which
    knows how far logs were seen.
    """

    client: PeerClient
    node: str
    token: str = ""
    data: bytes | None = None
    home: Path | None = None

    @property
    def online(self) -> bool:
        """Whether the node is asked for the evidence."""
        return self.data is None

    def evidence(self, question: Question) -> bytes:
        """Return the evidence file; raises as `fetch_evidence`, NotFoundError if no repository is named, and Recalled."""
        if self.data is not None:
            return self.data
        if question.repo is None:
            raise NotFoundError("there is no evidence to verify with", hint="name a file with --bundle, or a repository")
        repo = parse_repo_id(Origin("any"), question.type, question.repo).path
        revision = question.revision or "main"
        found, recalled = _shown(self.client, self.node, question.type, repo, revision=revision, token=self.token)
        if recalled:
            raise Recalled(f"{repo} at {revision[:60]} was recalled: {recalled}", hint="use another revision")
        seen = seen_before(found, self.home)
        if not seen:
            return found
        return fetch_evidence(self.client, self.node, question.type, repo, revision=revision, token=self.token, seen=seen)

    def later(self, question: Question, data: bytes) -> Iterator[bytes]:
        """Yield the evidence anew as long as it shows logs shorter than they were seen; raises as `evidence`."""
        for pause in PAUSES if self.data is None else ():
            if not seen_before(data, self.home):
                return
            time.sleep(pause)
            data = self.evidence(question)
            yield data

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proofs between pinned and shown checkpoints, as far as the node has them."""
        return fetch_growth(self.client, self.node, logs, pins)

    def own_logs(self) -> frozenset[Origin]:
        """Return the origin of the node's own log, as it says."""
        return own_logs(self.client, [self.node])


def node_address(given: str | None, environ: Mapping[str, str]) -> str:
    """Return the address of the node to ask: `given`, else HANSE_NODE, else HF_ENDPOINT; raises InputError if there is none."""
    url = given or next(iter(nodes_of(environ)), "") or environ.get("HF_ENDPOINT") or ""
    if not url or url.rstrip("/") == PUBLIC_HUB:
        raise InputError(
            "no node is named to ask for evidence", hint="name one with --node or HANSE_NODE, or a file with --bundle"
        )
    return parse_base(url)


def seen_before(data: bytes, home: Path | None) -> str:
    """Return which logs were seen with more leaves than evidence shows, as `asking` takes it; empty if none was.

    A node shows logs where enough others cosigned them, and that may be behind what it, or another node, showed of something
    newer; asked for no less than was seen, it shows that. home: HANSE_HOME, None for one that remembers nothing.
    """
    if home is None:
        return ""
    with suppress(HanseError):
        shown = {log.origin: size for log in parse_evidence(data).logs if (size := _claimed_size(log)) is not None}
        pins = {origin: pin.size for origin in shown if (pin := read_pins(home, origin).log)}
        return ",".join(f"{origin}:{size}" for origin, size in sorted(pins.items()) if size > shown[origin])
    return ""


def asking(url: str, seen: str) -> str:
    """Return the address of evidence that shows logs no shorter than they were seen: `ORIGIN:LEAVES`, separated by commas."""
    return f"{url}?seen={quote(seen, safe=':,')}" if seen else url


def fetch_evidence(
    client: PeerClient, node: str, kind: RepoType, repo: str, *, revision: str, token: str = "", seen: str = ""
) -> bytes:
    """Return the evidence file that a node, or a static site, has of a revision (a commit id or a name).

    seen: how far logs are shown at least, as `seen_before` says it.

    Raises NotFoundError if it has none for this caller, PeerRefused, PeerDown, PeerTooSlow or PeerMisbehaved.
    """
    return _shown(client, node, kind, repo, revision=revision, token=token, seen=seen)[0]


def _shown(
    client: PeerClient, node: str, kind: RepoType, repo: str, *, revision: str, token: str, seen: str = ""
) -> tuple[bytes, str]:
    """Return the evidence file, and why the node gives the revision to nobody any more, empty if it does."""
    url = f"{node}/api/{kind.plural}/{repo}/evidence/{quote(revision, safe='')}"
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = client.get(asking(url, seen), limit=MAX_EVIDENCE_BYTES, headers=headers)
    if answer.status == 200:
        return answer.body, in_words(answer.headers.get("x-hanse-recalled", ""), MAX_RECALL)
    says = _reason(answer.body)
    site = StaticSite(client, node)
    if not says and answer.status in (401, 403, 404) and site.index() is not None:
        return site.require_evidence(kind, repo.lower(), revision), ""
    says = says or f"status {answer.status}"
    if answer.status in (401, 404):
        raise NotFoundError(f"the node has no evidence of {repo} at {revision[:80]}: {says}", hint="check the name, or log in")
    raise PeerRefused(f"the node does not give evidence of {repo}: {says}", status=answer.status)


def _reason(body: bytes) -> str:
    with suppress(ValueError, RecursionError):
        said = json.loads(body[:10_000])
        if type(said) is dict and type(said.get("error")) is str:
            return in_words(said["error"])
    return ""


def fetch_growth(
    client: PeerClient, node: str, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]
) -> dict[Origin, tuple[bytes, ...]]:
    """Return the proofs between the pinned checkpoints of these logs and those that are shown, as far as the node has them.

    A node has the tiles of its own log, and of the logs that it mirrors.
    """
    proofs: dict[Origin, tuple[bytes, ...]] = {}
    sizes = {log.origin: size for log in logs if (size := _claimed_size(log)) is not None}
    changed = {origin: pin.size for origin, size in sizes.items() if (pin := _pinned(pins, origin)) and pin.size not in (0, size)}
    own = _own_log(client, node) if changed else None
    for origin, before in changed.items():
        copy = f"{node}/mirror/{hashlib.sha256(origin.encode()).hexdigest()}"
        url = f"{node}/log" if origin == own else copy
        old, new = sorted((before, sizes[origin]))
        with suppress(HanseError):
            proofs[origin] = consistency_proof(old, new, LogClient(client, url).tile) if old else ()
    return proofs


def _pinned(pins: Mapping[Origin, Pins], origin: Origin) -> LogPin | None:
    found = pins.get(origin)
    return found.log if found else None


def _claimed_size(log: LogEvidence) -> int | None:
    with suppress(HanseError):
        return parse_checkpoint(parse_note(log.checkpoint)).claimed.size
    return None


def silent_owner(client: PeerClient, node: str, roots: Roots, repo: str | None) -> frozenset[Origin]:
    """Return the member to whom federations gave the namespace of a repository if another node is asked and it does not answer.

    Whoever verifies a copy is told so: that the publisher is silent, the copy alone could not show. Raises Conflict.
    """
    owner = roots.owner(repo) if repo else None
    own = roots.addresses.get(owner, ()) if owner else ()
    if owner is None or node in own:
        return frozenset()
    return frozenset() if any(_own_log(client, url) is not None for url in own) else frozenset({owner})


def own_logs(client: PeerClient, nodes: Iterable[str]) -> frozenset[Origin]:
    """Return the origins of the own logs of these nodes, as they say; a node that does not answer has none."""
    return frozenset(Origin(one) for node in nodes if (one := _own_log(client, node)) is not None)


def _own_log(client: PeerClient, node: str) -> str | None:
    """Return the origin of the node's own log, as it says; None if it has none."""
    with suppress(HanseError):
        return parse_checkpoint(parse_note(LogClient(client, f"{node}/log").checkpoint())).claimed.origin
    return None
