"""Asking a node over HTTP from the command line: which node, as whom, and its refusals in its own words."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

from cyclopts import Parameter

from hanse.errors import InputError, NotAllowed, NotFoundError, PeerError

SECONDS = 60
MAX_ANSWER = 64 * 1024 * 1024
DEFAULT_NODE = "http://127.0.0.1:8080"

Node = Annotated[str, Parameter(name="--node", help="Address of a node; default HANSE_NODE, else HF_ENDPOINT. See hanse login.")]


def node_address(given: str) -> str:
    """Return the address of the node that is meant, without a slash at its end; raises InputError for no web address."""
    address = given or os.environ.get("HANSE_NODE") or os.environ.get("HF_ENDPOINT") or DEFAULT_NODE
    from hanse.peers.client import parse_base

    return parse_base(address)


def fetch(method: str, address: str, body: bytes | None = None) -> bytes:
    """Send one request, with the token for that server if there is one, and return the answer's body.

    Raises NotFoundError or NotAllowed with the server's words, PeerError if there is no answer or too much of it.
    """
    from hanse.flows.credentials import Credentials
    from hanse.home import home_folder
    from hanse.peers.client import PeerClient

    token = Credentials(home_folder(os.environ), os.environ).token_for(address.partition("?")[0])
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    client = PeerClient(seconds=SECONDS)
    try:
        answer = client.request(method, address, body, limit=MAX_ANSWER, headers=headers)
    finally:
        client.close()
    if 200 <= answer.status < 300:
        return answer.body
    words = answer.headers.get("x-error-message", "")[:1000] or f"the node answered {answer.status}"
    if answer.status >= 500:
        raise PeerError(words, hint="try again later")
    hint = "" if token else "log in with `hanse login`, or name the server by HF_ENDPOINT if HF_TOKEN is for it"
    raise (NotFoundError if answer.status == 404 else NotAllowed)(words, hint=hint)


def ask(method: str, address: str, body: Any = None) -> Any:
    """Send one request with a JSON body and return the JSON of the answer, None if it is empty; raises as `fetch`."""
    data = fetch(method, address, None if body is None else json.dumps(body).encode())
    try:
        return json.loads(data) if data else None
    except (ValueError, RecursionError) as error:
        raise PeerError(f"{address[:200]} does not answer with JSON", hint="check the address") from error


def split_name(text: str) -> tuple[str, str]:
    """Return the path of a repository on its node and a revision, from `[datasets/]ORG/NAME[@REV]`.

    The path is `models/ORG/NAME` or `datasets/ORG/NAME`. Raises InputError for anything else.
    """
    name, _, rev = text.partition("@")
    parts = name.split("/")
    kind = parts.pop(0) if parts[0] in ("datasets", "models") and len(parts) == 3 else "models"
    if len(parts) != 2 or not all(parts):
        raise InputError(f"expected ORG/NAME, or datasets/ORG/NAME, and perhaps @REVISION, got {text[:120]!r}")
    return f"{kind}/{parts[0]}/{parts[1]}", rev or "main"
