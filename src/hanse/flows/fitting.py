"""Which of the signed manifests in an evidence file are about what is wanted, and what is said where none is."""

from __future__ import annotations

from collections.abc import Sequence

from hanse.errors import BadProof
from hanse.flows.shown_log import ShownLog
from hanse.flows.trust import Trust, Wanted
from hanse.flows.veil import Veil
from hanse.model.decision import Known
from hanse.model.repo import RepoId
from hanse.sign.oms import Manifest, ManifestFile
from hanse.tlog.map import MerkleMap, tree_key, tree_value

UNSIGNED = "nobody has signed its list of files yet; its node does a minute or two after the last change, sooner if it is tagged"
"""What is said of evidence in which nobody signed a manifest."""


def counts(log: ShownLog | None, repo: RepoId | None, trust: Trust) -> bool:
    """Tell whether a log may be met for the first time: only the one that answers for the name, or of a node that was named."""
    if log is None or log.known is not Known.NEW or log.origin in trust.meet:
        return True
    return repo is not None and log.origin == repo.origin


def fits(manifest: Manifest, want: Wanted) -> bool:
    """Tell whether a manifest may be of what is wanted; one without a name fits only who names nothing."""
    revision = manifest.revision
    if revision is None:
        return not want.named
    repo = revision.repo
    pairs = (
        (want.origin, repo.origin),
        (want.type, repo.type),
        (None if want.repo is None else want.repo.lower(), repo.folded),
        (want.rev, revision.rev),
        (want.tree, revision.tree),
    )
    return all(wanted is None or wanted == found for wanted, found in pairs)


def hidden(manifest: Manifest, veil: Veil) -> tuple[str, str]:
    """Return commit id and tree of a manifest as the leaves of its repository have them."""
    return veil.hide("rev", manifest.rev or ""), veil.hide("tree", manifest.tree or "")


def nothing(manifests: Sequence[Manifest], want: Wanted) -> str:
    """Return in words that none of these manifests is of what is wanted."""
    if not manifests:
        return "the evidence has no signed manifest by a key that is known; a signer who is in no log is named with --key"
    listed = ", ".join(
        sorted({f"{one.repo} {(one.rev or '')[:12]}" if one.repo else "a bundle without a name" for one in manifests})
    )
    asked = " ".join(str(one) for one in (want.origin, want.repo, want.rev, want.tree) if one)
    return f"the evidence is about {listed[:600]}, not about {asked or 'one thing'}"


def tree_of(files: Sequence[ManifestFile]) -> str:
    """Return the root of the Merkle map of these files; raises BadProof if a size or a xet hash is not given."""
    puts = []
    for file in files:
        if file.size is None or file.xet is None:
            raise BadProof(f"the manifest gives no size and xet hash of {file.path}, so its tree cannot be computed")
        puts.append((tree_key(file.path), tree_value(file.size, file.sha256, file.xet)))
    return MerkleMap.empty().apply(puts).root.hex()
