"""The evidence file of a revision (`REV.hanse.jsonl`), put together for whoever may see the repository.

1. The current statements about it, as their bundles; those that are not in the log yet are left out.
2. The leaves that log them, the leaf that set each ref which points at it (or last did), the `key` leaves of who signed, and the
   `member` leaves of the newest lists of federations.
3. A checkpoint that has the manifest's leaf and that of the ref which was asked for, with its owner's signature: the newest one
   that enough others cosigned (`hanse.flows.enough`), or else the log's own newest one. Publishing waits for nobody, so there may
   be no cosignature yet. What was logged after it is left out. Of a copy nothing has to be there if the log that answers for the
   name has a manifest: until enough cosigned that the copy is held, the log is shown as it was before, and its advisories count.
4. The newest snapshot under that checkpoint and what came after it, with a proof for each ref of what the map of refs says.
5. What the logs of other members say about it, as far as this node mirrors them (`hanse.flows.foreign.shown`): so one file is
   enough to see that several agree, and a copy of another member's revision is shown with its publisher's own log.
6. Of each log that is shown, the advisories in force (`hanse.flows.advisories.book`), all of them: so a reader knows that none is
   kept from him.
7. For a repository that is not public, whose leaves and map keys are concealed: the salt that opens them. Whoever may see the
   repository may see it; it is in no log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hanse.db import attestations, find, leaves, logged, revisions, sightings, witnesses
from hanse.db.attestations import Attestation
from hanse.db.leaves import PendingLeaf
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BlobNotFound, NotFoundError
from hanse.flows import access, bundles
from hanse.flows.advisories.book import shown as listed_advisories
from hanse.flows.effects import MAIN
from hanse.flows.enough import Enough
from hanse.flows.follow import want
from hanse.flows.foreign.shown import Subject, others
from hanse.flows.logview import LogView
from hanse.flows.newer_lists import newest_of
from hanse.flows.node import Node
from hanse.flows.scan_times import shorten
from hanse.model.actor import Actor
from hanse.model.conceal import conceal_value
from hanse.model.digest import GitOid, parse_sha256
from hanse.model.evidence import MAX_LEAVES, LeafEvidence, LogEvidence, MapEvidence, MapName, SaltEvidence, encode_evidence
from hanse.model.key_leaf import KeyLeaf
from hanse.model.leaf import parse_leaf
from hanse.model.listed_advisories import AdvisoriesEvidence
from hanse.model.predicates import REPEATED
from hanse.model.ref_leaf import RefLeaf
from hanse.model.trust_leaf import AttestLeaf, MemberLeaf
from hanse.sign.statement import OBSERVATION, OMS, REF
from hanse.tlog.map import ref_key, ref_value

MAX_REVISIONS = 10
"""Revisions that one file about a tree speaks of."""
MAX_REFS = 20
MAX_EVALUATIONS = 32
"""Evaluations and countersignatures of this node that one file shows, the newest."""
MAX_OBSERVATIONS = 4
"""Signed observations of an upstream's refs at the revision that one file shows, the newest."""
MAX_LISTS = 64
"""Newest leaves about federations' lists that are looked at."""
MAX_TAIL = 64
"""Leaves after a snapshot, at most: batches that attest something end in one."""
_POSITIONS = 200


def of_revision(node: Node, repo: Repo, rev: str, seen: Mapping[str, int] | None = None) -> tuple[GitOid, bytes]:
    """Return (commit id, evidence file) of a revision that the caller may see.

    seen: leaves of logs, by origin, that the caller has seen: they are shown with no fewer, as far as they are here, though only
    fewer may be cosigned. Those that are not here are read soon, for who asks again.
    Raises RevisionNotFound or Disabled; RolledBack or Equivocation if this node's log is not the one that was cosigned.
    """
    revision = access.resolve_revision(node, repo, rev)
    want(node, seen or {})
    return revision.rev, _assemble(node, [(repo, revision)], Enough(node, seen), asked=rev)


def of_tree(node: Node, actor: Actor, tree: str) -> bytes:
    """Return the evidence about the revisions with these files that the caller may see; raises BadDigest or NotFoundError."""
    visible = access.visible_repos_clause(actor)
    with node.db.read() as conn:
        named = find.with_revision(conn, "tree", parse_sha256(tree), visible, MAX_REVISIONS)
        found = [(repo, row) for repo, rev in named if (row := revisions.get(conn, repo.id, rev)) is not None]
    if not found:
        raise NotFoundError(f"no revision here has the tree {tree}", hint="see /v1/find")
    return _assemble(node, found, Enough(node))


@dataclass(slots=True)
class _Shown:
    """What one file shows.

    bundles, payloads: statements, and digests of what they sign, by the index of the leaf that logs them; wanted: leaves by
    index; refs: (repository, ref) whose place in the map is shown; keys: fingerprints of who signed; last: index of the last
    leaf without which the file is of no use; elsewhere: repositories whose name another log answers for, which is shown; told:
    (repository, revision) of which the log that answers for the name has a manifest.
    """

    bundles: dict[int, bytes] = field(default_factory=dict)
    payloads: dict[int, str] = field(default_factory=dict)
    wanted: dict[int, bytes] = field(default_factory=dict)
    refs: list[tuple[Repo, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    last: int = -1
    elsewhere: set[int] = field(default_factory=set)
    told: set[tuple[int, GitOid]] = field(default_factory=set)

    def add(self, row: PendingLeaf | None, *, needed: bool = False) -> None:
        """Show a leaf, if it is in the log."""
        if row is not None and row.index is not None:
            self.wanted[row.index] = row.leaf
            self.last = max(self.last, row.index) if needed else self.last

    def cut(self, size: int) -> None:
        """Leave out what a log of that size does not have."""
        self.bundles = {index: data for index, data in self.bundles.items() if index < size}
        self.payloads = {index: digest for index, digest in self.payloads.items() if index < size}
        self.wanted = {index: data for index, data in self.wanted.items() if index < size}


def _assemble(node: Node, subjects: Sequence[tuple[Repo, Revision]], enough: Enough, asked: str = "") -> bytes:
    shown = _Shown()
    # 1. and 2.
    for repo, revision in subjects:
        wanted = frozenset({asked, f"refs/heads/{asked}", f"refs/tags/{asked}"} if asked else ())
        _home(node, shown, repo, revision)
        _statements(node, shown, repo, revision, wanted)
        _positions(node, shown, repo, revision, wanted)
    if shown.last < 0 and not shown.elsewhere:
        shown.last = min(shown.wanted, default=-1)
    _keys(node, shown, {repo.repo.namespace.lower() for repo, _ in subjects if not repo.mirrored})
    _lists(node, shown)
    # 3.
    view = node.log
    least = max(shown.last + 1, min(enough.seen.get(view.origin, 0), view.size))
    size = enough.newest(view.origin, least) or view.size
    shown.cut(size)
    # 4.
    maps = _maps(node, view, shown, size)
    advisories = _advisories(node, view, shown, size)
    listed = [LeafEvidence(index, leaf, view.prove_leaf(index, size)) for index, leaf in sorted(shown.wanted.items())]
    logs = [LogEvidence(view.origin, view.checkpoint(size), tuple(listed), view.key.text)] if size else []
    # 5.
    refs = {repo.id: tuple(name for one, name in shown.refs if one.id == repo.id) for repo, _ in subjects}
    asking = [Subject(repo, one, refs[repo.id], told=(repo.id, one.rev) in shown.told) for repo, one in subjects]
    parts = others(node, asking, MAX_LEAVES - len(listed), enough, shown.payloads.values())
    own = list(dict.fromkeys(shown.bundles.values()))
    rest, times = shorten(own, parts.bundles)
    salts = _salts(repo for repo, _ in subjects)
    told = [*advisories, *parts.advisories]
    return encode_evidence(dict.fromkeys((*own, *rest)), [*logs, *parts.logs], [*maps, *parts.maps], salts, told, times=times)


def _advisories(node: Node, view: LogView, shown: _Shown, size: int) -> list[AdvisoriesEvidence]:
    """Return the advisories in force under the newest snapshot of this log at a size, and show that snapshot."""
    try:
        snapshot = view.snapshot(size)
    except BlobNotFound:
        return []
    tail = view.leaves(snapshot.index, size)
    if len(tail) <= MAX_TAIL:
        shown.wanted |= dict(enumerate(tail, snapshot.index))
    found = listed_advisories(node, None, snapshot.maps.advisories, snapshot.index)
    return [] if found is None else [found]


def _home(node: Node, shown: _Shown, repo: Repo, revision: Revision) -> None:
    """Note whether another log answers for the name, and whether the one that does has a manifest of the revision."""
    with node.db.read() as conn:
        if repo.repo.origin == node.origin:
            told = bool(attestations.revs_attested(conn, repo.id, OMS, [revision.rev]))
        else:
            home = witnesses.find(conn, repo.repo.origin)
            if home is None or not home.mirror_note:
                return
            shown.elsewhere.add(repo.id)
            told = repo.public and home.origin in sightings.holders(conn, repo.repo, revision.rev, revision.tree)
    shown.told |= {(repo.id, revision.rev)} if told else set()


def _statements(node: Node, shown: _Shown, repo: Repo, revision: Revision, wanted: Collection[str]) -> None:
    """Show the current statements; only the oldest manifest is needed, for others may not be cosigned for a while.

    Of a copy none is, where the log that answers for the name has one.

    wanted: names of the ref that was asked for; where its owner signed its position, that is needed, too.
    """
    with node.db.read() as conn:
        rows = [(row, leaves.get(conn, row.leaf_id)) for row in attestations.of_revision(conn, repo.id, revision.rev)]
    manifest = repo.id in shown.elsewhere and (repo.id, revision.rev) in shown.told
    rows = _without_old(rows)
    for row, leaf in rows:
        if leaf is not None and leaf.index is not None:
            named = row.predicate == REF and _ref(leaf) in wanted
            shown.add(leaf, needed=named or (row.predicate == OMS and not manifest))
            manifest = manifest or row.predicate == OMS
            shown.keys.add(row.key)
            if row.predicate != REF:  # rebuilt from the leaf by whoever reads it
                shown.bundles[leaf.index] = bundles.read(node.store, row.payload, row.key)
                shown.payloads[leaf.index] = row.payload


def _without_old(rows: list[tuple[Attestation, PendingLeaf | None]]) -> list[tuple[Attestation, PendingLeaf | None]]:
    """Return the rows without all but the newest evaluations, countersignatures and observations: there may be any number."""
    many = [row for row, _ in rows if row.predicate in REPEATED]
    seen = [row for row, _ in rows if row.predicate == OBSERVATION]
    old = {id(row) for row in (*many[:-MAX_EVALUATIONS], *seen[:-MAX_OBSERVATIONS])}
    return [(row, leaf) for row, leaf in rows if id(row) not in old]


def _ref(row: PendingLeaf) -> str | None:
    """Return the ref whose position a leaf lists a statement about, None if it is about none."""
    leaf = parse_leaf(row.leaf)
    return leaf.ref if isinstance(leaf, AttestLeaf) else None


def _positions(node: Node, shown: _Shown, repo: Repo, revision: Revision, wanted: Collection[str]) -> None:
    """Show the newest leaf of each ref that points at the revision; of `main`, and what last did, if none does."""
    with node.db.read() as conn:
        names = find.refs_to(conn, repo.id, revision.rev)
        names = sorted(names, key=lambda name: (name not in wanted, name))[:MAX_REFS]
        rows = [(name, logged.newest_leaf(conn, repo.id, revision.rev, name)) for name in names]
        if not names:
            rows = [("", logged.newest_leaf(conn, repo.id, revision.rev))]
    shown.refs += [(repo, name) for name in names or [MAIN]]
    if repo.id in shown.elsewhere:  # what this node observed of it does not count beside that log
        return
    for name, row in rows:
        shown.add(row, needed=name in wanted or not names)
        leaf = None if row is None else parse_leaf(row.leaf)
        if isinstance(leaf, RefLeaf) and leaf.key:
            shown.keys.add(leaf.key)


def _keys(node: Node, shown: _Shown, namespaces: set[str]) -> None:
    """Show the leaves about keys that signed, and about the keys of the namespaces."""
    with node.db.read() as conn:
        rows = logged.key_leaves(conn)
    for row in rows:
        leaf = parse_leaf(row.leaf)
        if isinstance(leaf, KeyLeaf) and (leaf.key in shown.keys or (leaf.namespace or "").lower() in namespaces):
            shown.add(row)


def _lists(node: Node, shown: _Shown) -> None:
    """Show the leaves about the newest versions of federations' lists."""
    with node.db.read() as conn:
        rows = {row.index: row for row in logged.member_leaves(conn, MAX_LISTS) if row.index is not None}
    found = [(index, leaf) for index, row in rows.items() if isinstance(leaf := parse_leaf(row.leaf), MemberLeaf)]
    for index in newest_of((index, leaf.federation or "", leaf.role.value, leaf.version) for index, leaf in found):
        shown.add(rows[index])


def _maps(node: Node, view: LogView, shown: _Shown, size: int) -> list[MapEvidence]:
    """Return what the map of refs under the newest snapshot says about each ref."""
    found: list[MapEvidence] = []
    for repo, name in shown.refs:
        if repo.id in shown.elsewhere:
            continue
        hidden = repo.salt
        place = repo.repo.folded if hidden is None else conceal_value(hidden, "repo", repo.repo.folded)
        ref = name if hidden is None else conceal_value(hidden, "ref", name)
        try:
            snapshot, proof = view.prove_ref(repo.repo.type, place, ref, size, repo.repo.origin)
        except BlobNotFound:  # a log from before snapshots
            continue
        there = snapshot.maps.refs.get(ref_key(repo.repo.origin, repo.repo.type, place, ref))
        value = None if there is None else _value(node, repo, name, snapshot.index, there)
        if (value is None) == (there is None):
            key = ("ref", repo.repo.origin, repo.repo.type.value, place, ref)
            found.append(MapEvidence(view.origin, MapName.REFS, key, value, proof.encode()))
    return found


def _value(node: Node, repo: Repo, ref: str, before: int, there: bytes) -> tuple[int | str, ...] | None:
    """Return seq, rev and tree, as the leaf has them, of the position that a map has for a ref; None if no leaf tells."""
    with node.db.read() as conn:
        rows = logged.leaves_before(conn, repo.id, ref, before, _POSITIONS)
    for row in rows:
        leaf = parse_leaf(row.leaf)
        if isinstance(leaf, RefLeaf) and ref_value(leaf.seq, GitOid(leaf.rev), leaf.tree) == there:
            return leaf.seq, leaf.rev, leaf.tree
    return None


def _salts(repos: Iterable[Repo]) -> list[SaltEvidence]:
    """Return the salt of each repository that is not public."""
    hidden = {one.id: one for one in repos if one.salt is not None}
    return [SaltEvidence(one.repo.origin, one.repo.type, one.repo.folded, one.salt or b"") for one in hidden.values()]
