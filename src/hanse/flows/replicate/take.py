"""A copy of one revision of a member: from what its owner signed to a revision that this node holds, serves and attests.

1. The repository is there, as the member's; one that is gated at its home is so here before it has a byte.
2. The files are taken in (`arrive`): what is here is not fetched, everything is checked and scanned.
3. Git's names of the files are made from their bytes; which of them git has as pointers is what a listing says.
4. The revision is complete: its tree is the signed one, it can be found by its name.
5. Where the member's log says that branches and tags are at it, that is observed in this node's log.
6. The evidence is kept, so that the copy can be verified when its home is gone, and the node signs what it holds.

Each step finds what an earlier try did, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from hanse.content.card import MAX_TEXT, parse_card
from hanse.content.gitobjects import lfs_pointer_id
from hanse.db import repos
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadProof, HanseError, PeerError, PeerRefused
from hanse.flows.foreign.keep import keep_evidence
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.claims import NO_WORDS, RevisionClaim, words_of
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.intake import Intake, Options, key_of
from hanse.flows.mirror.journey import take
from hanse.flows.mirror.large import mirror_folder
from hanse.flows.mirror.rows import open_mirror, pin
from hanse.flows.node import Node
from hanse.flows.pull.events import Event
from hanse.flows.records import ClaimedWords
from hanse.flows.replicate.arrive import Arrivals, Taken, folder_of, pin_of
from hanse.flows.replicate.signed import Signed
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.peers.hub import Hub
from hanse.peers.place import Place
from hanse.sign.oms import ManifestFile
from hanse.store.held.store import Held
from hanse.store.parts import sole

GATED = "manual"
"""How a copy asks for access: only its home knows whom it lets in."""
SOURCE = "member"
"""Who said what is in the pins of a copy."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a node says of a revision besides what is signed; nothing of it is needed.

    gated: its home gives bytes to those only whom it let in; hidden: it shows it to its people only; licence: of its card;
    pins: by path; words: of the commit.
    """

    gated: bool = False
    hidden: bool = False
    licence: str = ""
    pins: Mapping[str, FilePin] = field(default_factory=dict)
    words: ClaimedWords = NO_WORDS


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of it. moved: bytes of files that were fetched; index: of the attestation's leaf, None if it was there."""

    repo: Repo
    revision: Revision
    moved: int
    index: int | None


def ask_told(signed: Signed, urls: Sequence[str], token: Callable[[str], str] = lambda _: "") -> Told:
    """Return what the first of these nodes that answers says of a revision; nothing if none does.

    token: what to show to the node at an address.
    """
    kind, path, rev = signed.repo.type, signed.repo.path, signed.rev
    for url in urls:
        hub = Hub(url, token(url))
        try:
            upstream = HubUpstream(hub)
            info = upstream.info(kind, path, rev)
            pins = {one.path: one for one in upstream.tree(kind, path, rev)}
            listed = upstream.commits(kind, path, rev, 1)
            words = words_of(listed[0].title, "", "", listed[0].time) if listed and listed[0].rev == rev else NO_WORDS
            return Told(info.gated, info.private, _licence(info.facts), pins, words)
        except PeerRefused as error:
            if error.status in (401, 403):
                return Told(hidden=True)
        except HanseError:
            continue
        finally:
            hub.close()
    return Told()


def _licence(facts: Mapping[str, Any]) -> str:
    card = facts.get("cardData")
    said = card.get("license") if isinstance(card, Mapping) else None
    return said[:100] if isinstance(said, str) else ""


def card_licence(signed: Signed, places: Sequence[Place]) -> str:
    """Return the licence that the signed model card names, from the first place that has it; empty if none is known."""
    card = next((one for one in signed.files if one.path == "README.md" and 0 < (one.size or 0) <= MAX_TEXT), None)
    for place in places if card is not None else ():
        assert card is not None
        try:
            data = b"".join(place.read(pin_of(card), 0, card.size or 0))
            if sha256(data).hexdigest() == card.sha256:
                return _licence({"cardData": parse_card(data.decode("utf-8", "replace")).data})
        except PeerError:
            continue
        except HanseError:  # nobody else has another card
            return ""
    return ""


def take_copy(
    node: Node,
    signed: Signed,
    told: Told,
    places: Sequence[Place],
    *,
    url: str,
    moved: Callable[[], int] = lambda: 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Event], None] = lambda _: None,
) -> Copied:
    """Hold a copy of a verified revision (steps 1 to 6); safe to repeat after a crash.

    url: of its home, "" if that has no address; moved: tells how many bytes came from the places so far. Raises what `Arrivals`
    and `hanse.flows.mirror.complete` raise; PolicyError if the scanner's policy refuses a file; Busy if another process does it.
    """
    # 1. The repository.
    repo = open_mirror(node, signed.repo, url)
    if told.gated:
        with node.db.write() as conn:
            repos.update_columns(conn, repo.id, gated=GATED)
    with sole(mirror_folder(node) / f"{repo.id}.lock", f"copying {signed.repo.path}"):
        # 2. The files.
        with Held.open(folder_of(node)) as held:
            taken = Arrivals(node, repo, held, places, _regular(node, told), stop, report).take(signed.files)
        # 3. Git's names.
        claim = RevisionClaim(signed.repo, signed.rev, _pins(node, signed.files, taken, told), told.words, source=SOURCE)
        row = pin(node, repo, claim)
        rows = {key_of(one): taken[Sha256(one.sha256 or "")].row for one in claim.files}
        Intake(node, repo, signed.rev, claim.files, (), Options()).keep(rows)
        # 4. The revision.
        repo, revision = take(node, repo, row, (), Options())
        if revision.tree != signed.tree:
            raise BadProof(f"{signed.repo} at {signed.rev} is signed with tree {signed.tree}, its files make {revision.tree}")
        # 5. Branches and tags.
        for ref in signed.refs:
            completing.observe(node, repo, ref, revision)
        # 6. Evidence and signature.
        keep_evidence(node, repo, signed.data)
        index = completing.attest(node, repo, revision)
    return Copied(repo, revision, moved(), index)


def _regular(node: Node, told: Told) -> Callable[[str, int], bool]:
    """Return what tells whether git has a file itself, and not a pointer to it, by path and size."""

    def tell(path: str, size: int) -> bool:
        listed = told.pins.get(path)
        if size > node.limits.max_regular_bytes:
            return False
        return not listed.lfs if listed is not None else size <= node.limits.lfs_threshold_bytes

    return tell


def _pins(node: Node, files: Sequence[ManifestFile], taken: Mapping[Sha256, Taken], told: Told) -> tuple[FilePin, ...]:
    regular, found = _regular(node, told), list[FilePin]()
    for one in files:
        size, oid = one.size or 0, taken[one.sha256].git_oid
        if oid is not None and regular(one.path, size):
            found.append(FilePin(one.path, size, oid, lfs=False, sha256=one.sha256, xet=one.xet))
        else:
            found.append(FilePin(one.path, size, lfs_pointer_id(one.sha256, size), lfs=True, sha256=one.sha256, xet=one.xet))
    return tuple(found)
