"""What a ref points at, as the maps of logs prove it, and who signed that position.

Of an owned name its home log decides: the map of refs under the newest snapshot, and the ref leaf with that position, signed by
the key of the namespace. Where the owner holds that key himself, the position is his only with his own signature in a later
leaf. Of an upstream's name observers decide: what most of their maps say, if no other revision has as many. Only maps that are
current and fresh are counted, unless none is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hanse.errors import BadProof, BadSignature, RevisionNotFound
from hanse.flows.attested import check_position
from hanse.flows.shown_keys import KeyRecord
from hanse.flows.shown_log import ShownLog
from hanse.flows.veil import CLEAR, Veil
from hanse.model.digest import NO_GIT_OID
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.ref_leaf import RefLeaf, signed_bytes
from hanse.model.repo import Origin, RepoId


@dataclass(frozen=True, slots=True)
class Position:
    """Where a ref stands; rev and tree as the log has them.

    index: of its leaf in `log`; signed: somebody signed it; owner: key that answers for the namespace;
    rivals: in how many logs at most another revision is current; leaf: None if an observer's leaf is not shown; observers: of an
    upstream's name, who says so, each with the number that the position has in his log.
    """

    ref: str
    seq: int
    rev: str
    tree: str
    log: ShownLog
    index: int
    leaf: RefLeaf | None
    owner: KeyRecord | None = None
    rivals: int = 0
    observers: Mapping[Origin, int] = field(default_factory=dict)

    @property
    def signed(self) -> bool:
        """Whether a key signed it; positions from before a node had keys are unsigned."""
        return self.leaf is not None and bool(self.leaf.sig)


def home_of(logs: Sequence[ShownLog], repo: RepoId) -> ShownLog | None:
    """Return the log that answers for a name, None if the name is an upstream's."""
    return next((log for log in logs if log.origin == repo.origin), None)


def map_key(repo: RepoId, ref: str, veil: Veil = CLEAR) -> tuple[str, ...]:
    """Return the key of a ref as evidence files write it."""
    return ("ref", repo.origin, repo.type.value, veil.hide("repo", repo.folded), veil.hide("ref", ref))


DIFFER = "observers differ"
"""How a message begins that says that observers of an upstream do not agree."""


def find_position(
    logs: Sequence[ShownLog], repo: RepoId, ref: str, veil: Veil = CLEAR, *, fresh: Callable[[ShownLog], bool] = lambda _: True
) -> Position:
    """Return where a ref stands by the maps of the shown logs.

    fresh: tells whether an observer's log was vouched for lately.

    Raises RevisionNotFound if it is proved that there is none, BadProof if nothing is proved or observers differ, BadSignature
    if who must sign it did not.
    """
    key, deleted = map_key(repo, ref, veil), veil.hide("rev", NO_GIT_OID)
    home = home_of(logs, repo)
    said = [(log, log.refs[key]) for log in ([home] if home else logs) if key in log.refs]
    if home is None:
        said = [pair for pair in said if pair[0].latest and not pair[0].behind and fresh(pair[0])] or said
    if not said:
        raise BadProof(f"no map proof shows what {ref} of {repo} points at", hint="get new evidence; or name the commit id")
    votes: dict[tuple[int | str, ...], list[ShownLog]] = {}
    for log, value in said:
        if value is not None and value[1] != deleted:
            # The number of a position is each observer's own.
            votes.setdefault(value[1:], []).append(log)
    if not votes:
        raise RevisionNotFound(f"{ref} of {repo} does not exist, and the map of refs proves it")
    ranked = sorted(votes.values(), key=len, reverse=True)
    if len(ranked) > 1 and len(ranked[0]) == len(ranked[1]):
        raise BadProof(f"{DIFFER} about {ref} of {repo}: {len(ranked)} revisions have {len(ranked[0])} each")
    log = ranked[0][0]
    seq, rev, tree = log.refs[key] or (0, "", "")
    found = Position(ref, int(seq), str(rev), str(tree), log, 0, None, rivals=len(ranked[1]) if len(ranked) > 1 else 0)
    if home is None:
        found = replace(found, observers={one.origin: int(value[0]) for one, value in said if one in ranked[0] and value})
    return _signed(repo, veil, found)


def _signed(repo: RepoId, veil: Veil, found: Position) -> Position:
    """Return the position with its leaf and owner, whose signatures are checked."""
    log = found.log
    for shown, leaf in log.positions():
        if (*map_key(repo, found.ref, veil), found.seq) != ("ref", leaf.origin, leaf.type.value, leaf.repo, leaf.ref, leaf.seq):
            continue
        if (leaf.rev, leaf.tree) != (found.rev, found.tree):
            raise BadProof(f"leaf {shown.index} of {log.origin} and its map of refs differ about {found.ref}")
        owner = _owner(log, repo, leaf, shown.index)
        return replace(found, index=shown.index, leaf=leaf, owner=owner)
    if log.origin == repo.origin:
        raise BadProof(f"the evidence lacks the leaf of position {found.seq} of {found.ref}", hint="get new evidence")
    return found


def _owner(log: ShownLog, repo: RepoId, leaf: RefLeaf, index: int) -> KeyRecord | None:
    """Check who signed the leaf; return the key that answers for the namespace.

    None for observations, for leaves from before keys, and where the namespace does not show: the node signs these.
    """
    if not leaf.key:
        return None
    plain = log.origin == repo.origin and not leaf.concealed
    record = log.book.valid(leaf.key, index, KeyUse.REF, *([KeyUse.NAMESPACE] if plain else []))
    record.public.verify(base64.b64decode(leaf.sig), signed_bytes(leaf))
    if not plain:
        return None
    owner = log.book.owner(repo.namespace.lower(), index)
    if owner is None:
        raise BadSignature(
            f"the evidence does not show which key answers for the namespace {repo.namespace}", hint="get new evidence"
        )
    if owner.holder is not Holder.OWNER:
        if owner.public.fingerprint != leaf.key:
            raise BadSignature(f"leaf {index} of {log.origin} is not signed with the key of the namespace {repo.namespace}")
        return owner
    for later, attest in log.attests():
        same = (attest.origin, attest.type, attest.repo, attest.ref, attest.seq, attest.rev, attest.tree)
        if later > index and same == (leaf.origin, leaf.type, leaf.repo, leaf.ref, leaf.seq, leaf.rev, leaf.tree):
            return check_position(log, attest, later)
    raise BadSignature(f"the owner of {repo.namespace} has not signed position {leaf.seq} of {leaf.ref}")
