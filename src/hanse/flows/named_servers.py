"""Which servers a user named: by flags, by HANSE_NODE and HF_ENDPOINT, else the public hub. The same for every command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hanse.flows.gateway.env import BEHIND
from hanse.peers.addresses import parse_base

PUBLIC_HUB = "https://huggingface.co"
NONE = "none"


def before(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it is without a gateway: under `hanse run` HF_ENDPOINT is one, what it was lies beside it."""
    found = dict(environ)
    if BEHIND in found:
        found["HF_ENDPOINT"] = found.pop(BEHIND)
    return {name: value for name, value in found.items() if name != "HF_ENDPOINT" or value}


def nodes_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses in HANSE_NODE, the home node first, as they are written there."""
    return tuple(environ.get("HANSE_NODE", "").replace(",", " ").split())


def servers(nodes: Sequence[str], upstream: str | None, environ: Mapping[str, str]) -> tuple[tuple[str, ...], str | None]:
    """Return the addresses of nodes and upstream; raises InputError for what is none.

    Nodes: those that were named, else those in HANSE_NODE, else HF_ENDPOINT unless that is the public hub or another upstream was
    named in its place. Upstream: the one that was named (`none` for none), else HF_ENDPOINT, else the public hub.
    """
    endpoint = before(environ).get("HF_ENDPOINT", "").rstrip("/")
    replaced = upstream not in {None, "", NONE, endpoint}
    own = (endpoint,) if endpoint not in {"", PUBLIC_HUB} and not replaced else ()
    named = tuple(nodes) or nodes_of(environ) or own
    chosen = endpoint or PUBLIC_HUB if upstream is None else upstream
    return tuple(dict.fromkeys(parse_base(one) for one in named)), None if chosen in {"", NONE} else parse_base(chosen)
