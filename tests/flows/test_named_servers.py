"""Which servers are meant: the same for `hanse run`, `hanse gateway` and `hanse pull`."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.flows.gateway.env import BEHIND
from hanse.flows.named_servers import PUBLIC_HUB, before, hub_address, nodes_of, servers

NODE = "http://127.0.0.1:1"


def test_an_endpoint_is_asked_as_a_node_and_as_an_upstream() -> None:
    """The public hub is no node; flags come first, then HANSE_NODE; `none` is no upstream."""
    assert servers((), None, {}) == ((), PUBLIC_HUB)
    assert servers((), None, {"HF_ENDPOINT": f"{PUBLIC_HUB}/"}) == ((), PUBLIC_HUB)
    assert servers((), None, {"HF_ENDPOINT": f"{NODE}/"}) == ((NODE,), NODE)
    assert servers((), "none", {"HF_ENDPOINT": NODE}) == ((NODE,), None)
    assert servers((), PUBLIC_HUB, {"HF_ENDPOINT": NODE}) == ((), PUBLIC_HUB)
    assert servers((), "huggingface", {"HF_ENDPOINT": NODE}) == ((), PUBLIC_HUB) == ((), hub_address("huggingface"))
    assert servers((), NODE, {"HF_ENDPOINT": NODE}) == ((NODE,), NODE)
    assert servers(("http://b/",), None, {"HANSE_NODE": NODE}) == (("http://b",), PUBLIC_HUB)
    assert servers((), None, {"HANSE_NODE": f"{NODE}/, http://b {NODE}"}) == ((NODE, "http://b"), PUBLIC_HUB)
    with pytest.raises(InputError):
        servers(("ftp://x",), None, {})


def test_behind_a_gateway_the_endpoint_from_before_counts() -> None:
    """The gateway itself is not asked, and nobody is told a token because of it."""
    inside = {"HF_ENDPOINT": "http://127.0.0.1:4/secret", BEHIND: NODE, "A": "b"}
    assert before(inside) == {"HF_ENDPOINT": NODE, "A": "b"}
    assert before({**inside, BEHIND: ""}) == {"A": "b"}
    assert servers((), None, inside) == ((NODE,), NODE)
    assert servers((), None, {**inside, BEHIND: ""}) == ((), PUBLIC_HUB)
    assert nodes_of({"HANSE_NODE": " a,b  c"}) == ("a", "b", "c")
