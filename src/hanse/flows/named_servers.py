"""Which servers a user named: by flags, by HANSE_NODE and HF_ENDPOINT, else the public hub. The same for every command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hanse.flows.gateway import env
from hanse.flows.gateway.env import BEHIND
from hanse.home import user_folder
from hanse.peers.addresses import parse_base

PUBLIC_HUB = env.PUBLIC_HUB
NONE = "none"
_PUBLIC_NAME = "huggingface"
_MAX_TOKEN = 4096


def before(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it is without a gateway: under `hanse run` HF_ENDPOINT is one, what it was lies beside it."""
    found = dict(environ)
    if BEHIND in found:
        found["HF_ENDPOINT"] = found.pop(BEHIND)
    return {name: value for name, value in found.items() if name != "HF_ENDPOINT" or value}


def nodes_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses in HANSE_NODE, the home node first, as they are written there."""
    return tuple(environ.get("HANSE_NODE", "").replace(",", " ").split())


def hub_address(text: str) -> str:
    """Return the address of a hub that is named by it, or as `huggingface`, as `hanse mirror` has it; raises InputError."""
    return PUBLIC_HUB if text == _PUBLIC_NAME else parse_base(text)


def servers(nodes: Sequence[str], upstream: str | None, environ: Mapping[str, str]) -> tuple[tuple[str, ...], str | None]:
    """Return the addresses of nodes and upstream; raises InputError for what is none.

    Nodes: those that were named, else those in HANSE_NODE, else HF_ENDPOINT unless that is the public hub or another upstream was
    named in its place. Upstream: the one that was named (`none` for none), else HF_ENDPOINT, else the public hub.
    """
    endpoint = before(environ).get("HF_ENDPOINT", "").rstrip("/")
    upstream = PUBLIC_HUB if upstream == _PUBLIC_NAME else upstream
    replaced = upstream not in {None, "", NONE, endpoint}
    own = (endpoint,) if endpoint not in {"", PUBLIC_HUB} and not replaced else ()
    named = tuple(nodes) or nodes_of(environ) or own
    chosen = endpoint or PUBLIC_HUB if upstream is None else upstream
    return tuple(dict.fromkeys(parse_base(one) for one in named)), None if chosen in {"", NONE} else parse_base(chosen)


def hub_token(environ: Mapping[str, str], node: str) -> str:
    """Return the token to show to a node: the one that Hugging Face clients would send there, empty if there is none.

    That is HF_TOKEN, else the file where they keep it, and only for the node that HF_ENDPOINT names (HF_TOKEN: or HANSE_NODE):
    a token for one server is not told to another one that somebody gave the address of.
    """
    endpoint, named = environ.get("HF_ENDPOINT", "").rstrip("/"), environ.get("HANSE_NODE", "").rstrip("/")
    if environ.get("HF_TOKEN"):
        return environ["HF_TOKEN"] if node.rstrip("/") in (endpoint, named) else ""
    return token_file(environ) if node.rstrip("/") == endpoint else ""


def token_file(environ: Mapping[str, str]) -> str:
    """Return the token in the file where Hugging Face clients keep theirs, empty if there is none."""
    cache = Path(environ.get("XDG_CACHE_HOME") or user_folder(environ) / ".cache")
    path = Path(environ.get("HF_TOKEN_PATH") or Path(environ.get("HF_HOME") or cache / "huggingface") / "token")
    with suppress(OSError, UnicodeDecodeError), path.open("rb") as file:
        return file.read(_MAX_TOKEN).decode("ascii").strip()
    return ""
