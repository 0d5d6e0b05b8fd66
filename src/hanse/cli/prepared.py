"""The store and caches that a gateway is started with, from the flags of `hanse run` and `hanse gateway`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hanse.app_gateway import GatewayOptions
    from hanse.store.held.store import Held


def say(text: str) -> None:
    """Print one line for the person in front of the terminal, out of the way of the program's own output."""
    from hanse.cli.printable import clean

    print(f"hanse: {clean(text)}", file=sys.stderr, flush=True)


@contextmanager
def prepared(
    *,
    policy: str | None,
    node: Sequence[str] | None,
    upstream: str | None,
    offline: bool,
    store: Path | None,
    cache_size: str | None,
) -> Iterator[tuple[GatewayOptions, Held]]:
    """Give what a gateway is started with, and its opened store."""
    from hanse.app_gateway import GatewayOptions, caches_folder
    from hanse.clock import SystemClock
    from hanse.flows.chosen_policy import choose_policy
    from hanse.flows.gateway.client_home import take_home
    from hanse.flows.named_servers import before, servers
    from hanse.home import held_folder, home_folder
    from hanse.peers.addresses import parse_base
    from hanse.store.held.store import open_or_temporary

    environ = before(os.environ)
    home = home_folder(environ)
    loaded = choose_policy(policy, home)
    nodes, above = servers(tuple(node or ()), upstream, environ)
    if environ.get("HF_ENDPOINT"):  # the user's own token is for it, whoever is asked besides
        parse_base(environ["HF_ENDPOINT"])
    limit = _bytes(cache_size)
    with caches_folder(home, say) as caches:
        where, named = held_folder(environ, caches, store)
        with open_or_temporary(where, named=named, limit=limit) as held:
            try:
                yield GatewayOptions(loaded, home, caches, environ, nodes, above, offline), held
            finally:
                take_home(caches, SystemClock().now())


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    from hanse.settings import parse_size

    return parse_size(text)
