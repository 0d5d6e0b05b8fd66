"""Who is asked: what was said, else the environment, else the public hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hanse.errors import InputError, NotFoundError
from hanse.flows.gateway.env import BEHIND
from hanse.flows.pull.opened import opened, whom

HUB = "https://huggingface.co"
NODE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("environ", "nodes"),
    [
        ({}, ()),
        ({"HF_ENDPOINT": HUB}, ()),
        ({"HF_ENDPOINT": f"{HUB}/"}, ()),
        ({"HF_ENDPOINT": f"{NODE}/"}, (NODE,)),
        ({"HF_ENDPOINT": NODE, "HANSE_NODE": "http://127.0.0.1:2"}, ("http://127.0.0.1:2",)),
        ({"HANSE_NODE": "http://127.0.0.1:2/, http://127.0.0.1:3"}, ("http://127.0.0.1:2", "http://127.0.0.1:3")),
        ({"HF_ENDPOINT": "http://127.0.0.1:4/secret", BEHIND: NODE}, (NODE,)),
        ({"HF_ENDPOINT": "http://127.0.0.1:4/secret", BEHIND: ""}, ()),
    ],
)
def test_nodes(environ: Mapping[str, str], nodes: tuple[str, ...]) -> None:
    """A client's endpoint is asked as a node, unless it is the public hub; nothing else is guessed."""
    assert whom({"HOME": "/h", **environ}).nodes == nodes


def test_what_is_said_comes_first() -> None:
    """Flags beat the environment, and the environment beats defaults."""
    environ = {"HOME": "/h", "HANSE_NODE": NODE, "HF_ENDPOINT": "http://127.0.0.1:3", "HANSE_STORE": "/s"}
    found = whom(environ)
    assert (found.upstream, found.store, found.policy) == ("http://127.0.0.1:3", Path("/s"), None)
    found = whom(environ, nodes=("http://a.example/",), upstream="https://b.example", store=Path("/t"), policy="open")
    assert (found.nodes, found.upstream) == (("http://a.example",), "https://b.example")
    assert (found.store, found.policy) == (Path("/t"), "open")
    assert (whom({"HANSE_HOME": "/x"}).store, whom({"HANSE_HOME": "/x"}).named) == (Path("/x/held"), False)
    assert whom({"HANSE_HOME": "/x", "HANSE_STORE": "/s"}).named
    assert whom({"HOME": "/h"}).upstream == HUB
    assert whom({"HOME": "/h"}, upstream="none").upstream is None


def test_no_address() -> None:
    """What is no address is refused before anything is opened."""
    with pytest.raises(InputError):
        whom({"HOME": "/h"}, nodes=("ftp://x",))


def test_an_unknown_policy_opens_nothing(tmp_path: Path) -> None:
    """There is no default for a policy that was named and is not there."""
    environ = {"HANSE_HOME": str(tmp_path / "home")}
    with pytest.raises(NotFoundError), opened(whom(environ, policy="none-such"), environ, print):
        pass
    assert not (tmp_path / "home").exists()
