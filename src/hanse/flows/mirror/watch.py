"""Mirroring again and again: an upstream's branch is looked at every now and then, until somebody says stop."""

from __future__ import annotations

from collections.abc import Callable

from hanse.errors import HanseError, StorageError
from hanse.flows.mirror.journey import Mirrored, Options, mirror
from hanse.flows.mirror.upstream import Upstream
from hanse.flows.node import Node
from hanse.model.repo import RepoType

Told = Callable[[Mirrored | HanseError], None]


def watch(
    node: Node, upstream: Upstream, kind: RepoType, path: str, name: str, *, every: float, told: Told, options: Options
) -> None:
    """Mirror what a revision name means every `every` seconds; told: what came of each round.

    An upstream that is down, or lies, is looked at again in the next round. Ends when `options.stop` is set; raises StorageError
    of this node's own.
    """
    while not options.stop.is_set():
        try:
            told(mirror(node, upstream, kind, path, name, options=options))
        except StorageError as error:
            if options.stop.is_set():
                return
            told(error)
            raise
        except HanseError as error:
            told(error)
        options.stop.wait(every)
