"""The rules by which `repo`, `ref` and `attest` leaves change the refs of a log; numbered in `hanse.tlog.replay`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from hanse.errors import BadProof, BadSignature, Equivocation
from hanse.model.alarm import Alarm, AlarmKind
from hanse.model.digest import GitOid
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, signed_part
from hanse.model.ref_statement import ref_payload, ref_signed
from hanse.model.repo import Origin, RefName, Visibility
from hanse.model.trust_leaf import AttestLeaf
from hanse.tlog.chains import MAX_WAITING, Chain, Chains, Place, Token
from hanse.tlog.hashing import HASH_BYTES, leaf_hash
from hanse.tlog.keyring import Keyring


@dataclass(frozen=True, slots=True)
class At:
    """A leaf's place: the log's origin, its index and bytes, the keys that count there, and how to quote an earlier leaf."""

    origin: Origin
    index: int
    raw: bytes
    keys: Keyring
    quote: Callable[[int], tuple[bytes, ...]]

    def __str__(self) -> str:
        return f"leaf {self.index} of {self.origin}"


def token_of(leaf: RefLeaf | RepoLeaf | AttestLeaf) -> Token:
    """Return the repository that a leaf is about."""
    return (leaf.origin, leaf.type.value, leaf.repo)


def apply_repo(chains: Chains, leaf: RepoLeaf, at: At) -> None:
    """Let chains begin, go on or end (rule 3); raises BadProof."""
    token = token_of(leaf)
    if leaf.concealed:
        # Nobody without the salt could follow a new name, so every change ends the chains.
        if leaf.op is not RepoOp.CREATE:
            chains.end(token)
        elif chains.known(token):
            raise BadProof(f"{at} creates a repository that is there already")
        else:
            chains.begin(token)
        return
    begins = leaf.op is RepoOp.CREATE or (leaf.op is RepoOp.VISIBILITY and leaf.to == Visibility.PUBLIC.value)
    if leaf.origin == at.origin and chains.known(token) == begins:
        raise BadProof(f"{at} says {leaf.op.value} of {leaf.repo}, which is {'there already' if begins else 'not there'}")
    if begins:
        chains.begin(token)
    elif leaf.op in (RepoOp.RENAME, RepoOp.TRANSFER):
        _rename(chains, leaf, at)
    else:
        chains.end(token)


def _rename(chains: Chains, leaf: RepoLeaf, at: At) -> None:
    token, to = token_of(leaf), (leaf.origin, leaf.type.value, str(leaf.to))
    if to == token:  # only its spelling changed
        return
    if chains.known(to):
        raise BadProof(f"{at} moves {leaf.repo} to {leaf.to}, which is there already")
    before, after = (_holder(at, name) for name in (leaf.repo, str(leaf.to)))
    owned = Holder.OWNER in (before, after)
    chains.move(token, to, signed_anew=owned and leaf.origin == at.origin, waits=after is Holder.OWNER)


def _holder(at: At, repo: str) -> Holder | None:
    return at.keys.holder(repo.partition("/")[0])


def apply_ref(chains: Chains, leaf: RefLeaf, at: At, *, verify: bool) -> None:
    """Continue a chain (rule 4); verify: whether the signature is checked. Raises BadProof, BadSignature or Equivocation."""
    token, own = token_of(leaf), leaf.origin == at.origin
    if own != (leaf.rev_kind is RevKind.COMPUTED):
        raise BadProof(f"{at} says {leaf.rev_kind.value} of a repository of {leaf.origin}")
    if own and not leaf.concealed and not chains.known(token):
        raise BadProof(f"{at} sets a ref of {leaf.repo}, which is not there")
    chain = chains.get(token, leaf.ref)
    _check_link(chain, leaf, at)
    owner_held = own and not leaf.concealed and _holder(at, leaf.repo) is Holder.OWNER
    _check_signature(chain, leaf, at, named=own and not leaf.concealed and not owner_held, verify=verify)
    place = Place(leaf.seq, bytes.fromhex(leaf.rev), bytes.fromhex(leaf.tree), at.index, leaf.key, at.index)
    shown, waiting = (place, ()) if not owner_held else (None, (place,)) if chain is None else (chain.shown, _wait(chain, place))
    since = at.index if chain is None else chain.since
    chains.put(token, leaf.ref, Chain(place, leaf_hash(at.raw), since, shown, waiting))


def _wait(chain: Chain, place: Place) -> tuple[Place, ...]:
    return (*chain.waiting, place)[-MAX_WAITING:]


def _check_link(chain: Chain | None, leaf: RefLeaf, at: At) -> None:
    seq, tip = (0, bytes(HASH_BYTES)) if chain is None else (chain.head.seq, chain.tip)
    if leaf.seq == seq + 1 and bytes.fromhex(leaf.prev) == tip:
        return
    if chain is not None and leaf.seq == seq and leaf_hash(at.raw) != tip:
        raise Equivocation(
            f"{at} and leaf {chain.head.at} are two of position {seq} of {leaf.ref} in {leaf.repo}",
            evidence=(*at.quote(chain.head.at), at.raw),
        )
    raise BadProof(f"{at} is not the next of {leaf.ref} in {leaf.repo}: it has seq {leaf.seq} after {seq}, or another prev")


def _check_signature(chain: Chain | None, leaf: RefLeaf, at: At, *, named: bool, verify: bool) -> None:
    if not leaf.key:
        if at.keys.tenures(KeyUse.REF) or (chain is not None and chain.head.key):
            raise BadSignature(f"{at} is not signed, although the log has a key for refs")
        return
    namespace = leaf.repo.partition("/")[0] if named else ""
    public = at.keys.require(leaf.key, KeyUse.NAMESPACE if named else KeyUse.REF, at.index, namespace)
    if verify:
        try:
            public.verify(base64.b64decode(leaf.sig), signed_part(at.raw, leaf.sig))
        except BadSignature as error:
            raise BadSignature(f"{at}: {error.message}") from error


def apply_position(chains: Chains, leaf: AttestLeaf, at: At) -> Alarm | None:
    """Show the position that the owner signs (rule 5) and return the alarm that it raises; raises BadProof or BadSignature.

    Nothing changes by what others sign, what is shown already, and positions that do not wait.
    """
    if leaf.concealed or leaf.ref is None or leaf.seq is None:
        return None
    rev, ref = GitOid(leaf.rev), RefName(leaf.ref)
    payload = ref_payload(leaf.origin, leaf.type, leaf.repo, ref, seq=leaf.seq, rev=rev, tree=leaf.tree)
    if (sha256(payload).hexdigest(), len(payload)) != (leaf.payload.sha256, leaf.payload.size):
        raise BadProof(f"{at} names another statement than its position has")
    namespace = leaf.repo.partition("/")[0]
    tenure = at.keys.find(leaf.key, KeyUse.NAMESPACE, at.index, namespace)
    chain = chains.get(token_of(leaf), ref)
    if leaf.origin != at.origin or tenure is None or tenure.holder is not Holder.OWNER:
        return None
    try:
        public = at.keys.require(leaf.key, KeyUse.NAMESPACE, at.index, namespace)
        public.verify(base64.b64decode(leaf.sig), ref_signed(payload))
    except BadSignature as error:
        raise BadSignature(f"{at}: {error.message}") from error
    return None if chain is None else _show(chains, chain, leaf, at)


def _show(chains: Chains, chain: Chain, leaf: AttestLeaf, at: At) -> Alarm | None:
    places = (*chain.waiting, *([] if chain.shown is None else [chain.shown]))
    place = next((one for one in places if one.seq == leaf.seq), None)
    if place is None:
        return None
    repo = leaf.repo
    if (place.rev.hex(), place.tree.hex()) != (leaf.rev, leaf.tree):
        says = f"the owner signed another position {leaf.seq} of {leaf.ref} in {repo} than leaf {place.at} has"
        evidence = (*at.quote(place.at), at.raw)
        return Alarm(AlarmKind.CONTRADICTION, at.origin, at.index, says, evidence, type=leaf.type.value, repo=repo)
    if place is not chain.shown:
        shown = place._replace(key=leaf.key, by=at.index)
        later = tuple(one for one in chain.waiting if one.seq > place.seq)
        chains.put(token_of(leaf), str(leaf.ref), chain._replace(shown=shown, waiting=later))
    return None
