"""Mirroring again and again: an upstream's branch is looked at every now and then, until somebody says stop."""

from __future__ import annotations

from collections.abc import Callable

from hanse.errors import Busy, HanseError, StorageError
from hanse.flows.mirror.journey import Mirrored, Options, mirror, mirror_all
from hanse.flows.mirror.upstream import Upstream
from hanse.flows.node import Node
from hanse.model.repo import RepoType

Told = Callable[[Mirrored | HanseError], None]


def watch(
    node: Node,
    upstream: Upstream,
    kind: RepoType,
    path: str,
    name: str,
    *,
    every: float,
    told: Told,
    options: Options,
    all_revisions: bool = False,
) -> None:
    """Mirror what a revision name means every `every` seconds; told: what came of each round.

    all_revisions: every commit, branch and tag instead, of which only what is new is told, and what failed.

    An upstream that is down, or lies, is looked at again in the next round, and so is a mirror that another process is just busy
    with. Ends when `options.stop` is set; raises StorageError of this node's own.
    """
    while not options.stop.is_set():
        try:
            if all_revisions:
                for one in mirror_all(node, upstream, kind, path, options, new_only=True):
                    if isinstance(one, HanseError) or one.fresh or one.index is not None:
                        told(one)
            else:
                told(mirror(node, upstream, kind, path, name, options=options))
        except HanseError as error:
            if options.stop.is_set():
                return
            if isinstance(error, StorageError) and not isinstance(error, Busy):
                raise
            told(error)
        options.stop.wait(every)
