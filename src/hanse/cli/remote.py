"""Asking a node over HTTP from the command line: which node, as whom, and its refusals in its own words."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cyclopts import Parameter

from hanse.errors import InputError, NotAllowed, NotFoundError, PeerError

SECONDS = 60
MAX_ANSWER = 64 * 1024 * 1024
DEFAULT_NODE = "http://127.0.0.1:8080"

Node = Annotated[
    str, Parameter(name="--node", help="Address of a node; default HANSE_NODE, else HF_ENDPOINT. HF_TOKEN says who you are.")
]


def node_address(given: str) -> str:
    """Return the address of the node that is meant, without a slash at its end; raises InputError for no web address."""
    address = given or os.environ.get("HANSE_NODE") or os.environ.get("HF_ENDPOINT") or DEFAULT_NODE
    if not address.startswith(("http://", "https://")):
        raise InputError(f"expected the address of a node such as https://models.example.org, got {address[:120]!r}")
    return address.rstrip("/")


def fetch(method: str, address: str, body: bytes | None = None) -> bytes:
    """Send one request and return the answer's body.

    Raises NotFoundError or NotAllowed with the node's words, PeerError if there is no answer or too much of it.
    """
    headers = {"content-type": "application/json", "user-agent": "hanse"}
    if os.environ.get("HF_TOKEN"):
        headers["authorization"] = f"Bearer {os.environ['HF_TOKEN']}"
    request = Request(address, body, headers, method=method)  # noqa: S310 node_address checked the scheme
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310 checked above
            data: bytes = response.read(MAX_ANSWER + 1)
    except HTTPError as error:
        words = error.headers.get("X-Error-Message") or f"the node answered {error.code}"
        raise (NotFoundError if error.code == 404 else NotAllowed)(words) from error
    except (URLError, OSError, ValueError) as error:
        raise PeerError(f"{address[:200]} does not answer: {error}", hint="check --node") from error
    if len(data) > MAX_ANSWER:
        raise PeerError(f"{address[:200]} sends more than {MAX_ANSWER:,} bytes")
    return data


def ask(method: str, address: str, body: Any = None) -> Any:
    """Send one request with a JSON body and return the JSON of the answer; raises as `fetch`."""
    data = fetch(method, address, None if body is None else json.dumps(body).encode())
    try:
        return json.loads(data)
    except ValueError as error:
        raise PeerError(f"{address[:200]} does not answer with JSON", hint="check --node") from error


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
