"""The one pass over a new file: its SHA-256, and its bytes shown to whoever looks at contents, before it has a name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hmac import compare_digest

from hanse.errors import DigestMismatch
from hanse.flows.node import Node
from hanse.flows.read import CachedReads, TermSource
from hanse.flows.transfers import ContentHook
from hanse.model.digest import Sha256, XetHash


def hash_file(
    node: Node, source: TermSource, file: XetHash, claim: Sha256 | None, verified: Callable[[int], None] = lambda _: None
) -> Sha256:
    """Return the SHA-256 of the file that `source` gives, in one pass that the node's content hook shares.

    claim: the digest that the sender names, if any; verified: called with the number of bytes after each piece. Raises
    DigestMismatch if the claim is not true, IntegrityError if the file is not stored as recorded, and what the hook raises.
    """
    state = hashlib.sha256()
    with _begun(node, source) as hook:
        for piece in source.pieces(0, source.size):
            state.update(piece)
            if hook is not None:
                hook.feed(memoryview(piece))
            verified(len(piece))
        digest = Sha256(state.hexdigest())
        check_claim(file, claim, digest)
        if hook is not None:
            hook.end(digest)
    return digest


def show_file(node: Node, source: TermSource, digest: Sha256) -> None:
    """Show a file whose digest is known already to the node's content hook; its bytes are read only if the hook wants them.

    Raises IntegrityError if the file is not stored as recorded, and what the hook raises.
    """
    with _begun(node, source) as hook:
        if hook is None:
            return
        if hook.streams:
            for piece in source.pieces(0, source.size):
                hook.feed(memoryview(piece))
        hook.end(digest)


@contextmanager
def _begun(node: Node, source: TermSource) -> Iterator[ContentHook | None]:
    """Give the node's content hook, begun with a file, and close it whatever happens; None if there is none."""
    if node.transfers.hook is None:
        yield None
        return
    with closing(node.transfers.hook()) as hook:
        hook.begin(CachedReads(source).read_at, source.size)
        yield hook


def check_claim(file: XetHash, claim: Sha256 | None, digest: Sha256) -> None:
    """Raise DigestMismatch if `claim` is given and not `digest`."""
    if claim is not None and not compare_digest(claim, digest):
        raise DigestMismatch(
            f"file {file} is said to have sha256 {claim}, its bytes have {digest}", hint="send the file again, unchanged"
        )
