"""Which node is asked for evidence, with which token, and what its refusals become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.attesting import ask, cosigned, wait
from tests.support.nodes import add_user, new_repo
from tests.support.served import served

from hanse.errors import InputError, NotFoundError, PeerDown, PeerRefused
from hanse.flows.accounts import create_token
from hanse.flows.fetch_evidence import fetch_evidence, node_address, seen_before
from hanse.flows.named_servers import hub_token
from hanse.flows.node import Node
from hanse.flows.pins import LogSeen, remember
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoType, Visibility
from hanse.peers.client import PeerClient
from hanse.tlog.checkpoint import open_checkpoint


@pytest.fixture(name="client")
def _client() -> Iterator[PeerClient]:
    with closing(PeerClient()) as client:
        yield client


def test_which_node_is_asked() -> None:
    """The flag, else HANSE_NODE, else HF_ENDPOINT; the public hub has no evidence, and nothing is asked without being named."""
    every = {"HANSE_NODE": "http://b", "HF_ENDPOINT": "http://c"}
    assert node_address("http://a/", every) == "http://a"
    assert node_address(None, every) == "http://b"
    assert node_address(None, {"HF_ENDPOINT": "http://c"}) == "http://c"
    for environ in ({}, {"HF_ENDPOINT": "https://huggingface.co/"}):
        with pytest.raises(InputError, match="no node is named"):
            node_address(None, environ)
    with pytest.raises(InputError):
        node_address("file:///etc/passwd", {})


def test_the_token_is_that_of_the_hubs_clients(tmp_path: Path) -> None:
    """The environment first, then the file in which they keep it; none is no error."""
    (tmp_path / "token").write_text("hf_file\n")
    node = "https://hub.example"
    here = {"HF_ENDPOINT": f"{node}/"}
    assert hub_token({"HF_TOKEN": "hf_env", "HF_HOME": str(tmp_path)} | here, node) == "hf_env"
    assert hub_token({"HF_HOME": str(tmp_path)} | here, node) == "hf_file"
    assert hub_token({"HF_TOKEN_PATH": str(tmp_path / "token")} | here, node) == "hf_file"
    assert hub_token({"HOME": str(tmp_path)} | here, node) == ""


def test_a_token_is_told_to_its_own_server_only(tmp_path: Path) -> None:
    """A node that somebody named by its address gets neither the token of another endpoint nor the one that a login left."""
    (tmp_path / "token").write_text("hf_file")
    kept = {"HF_HOME": str(tmp_path)}
    for where in ({}, {"HF_ENDPOINT": "https://hub.example"}, {"HF_ENDPOINT": "https://stranger.example.org"}):
        assert hub_token(kept | where, "https://stranger.example") == ""
        assert hub_token({"HF_TOKEN": "hf_env"} | where, "https://stranger.example") == ""
    named = {"HANSE_NODE": "https://stranger.example"}
    assert hub_token({"HF_TOKEN": "hf_env"} | named, "https://stranger.example") == "hf_env"
    assert hub_token(kept | named, "https://stranger.example") == ""


def test_a_private_repository_needs_a_token(lite: Node, client: PeerClient) -> None:
    """Without one it does not exist; with one it is another question whether it has a revision."""
    alice = add_user(lite, "alice")
    new_repo(lite, alice, "alice/secret", Visibility.PRIVATE)
    _, token = create_token(lite.db, lite.clock, "alice", "reading", role="read")
    with served(lite) as url:
        with pytest.raises(NotFoundError, match="no evidence of alice/secret"):
            fetch_evidence(client, url, RepoType.MODEL, "alice/secret", revision="main")
        assert b"vnd.hanse" in fetch_evidence(client, url, RepoType.MODEL, "alice/secret", revision="main", token=token)


def test_what_was_seen_before_is_asked_for(lite: Node, client: PeerClient, tmp_path: Path) -> None:
    """A log that was seen with more leaves than enough have cosigned is shown with as many to who says so, and only to him."""
    alice = add_user(lite, "alice")
    new_repo(lite, alice, "alice/m")
    ask(lite, ["b.example"])
    early = cosigned(lite, ["b.example"], lite.clock.now())
    new_repo(lite, alice, "alice/n")
    wait(lite)
    head = lite.log.head()
    with served(lite) as url:
        data = fetch_evidence(client, url, RepoType.MODEL, "alice/m", revision="main")
        assert (seen_before(data, None), seen_before(data, tmp_path), seen_before(b"{", tmp_path)) == ("", "", "")
        note = lite.log.checkpoint()
        log = LogSeen(lite.origin, (lite.log.key.text,), head.size, head.root, note, consistent=True)
        remember(tmp_path, (log,), None, 0)
        seen = seen_before(data, tmp_path)
        assert seen == f"{lite.origin}:{head.size}"
        more = fetch_evidence(client, url, RepoType.MODEL, "alice/m", revision="main", seen=f"x.example:7,{seen}")
        sizes = [open_checkpoint(parse_evidence(one).logs[0].checkpoint, lite.log.key).checkpoint.size for one in (data, more)]
        assert sizes == [early, head.size]
        assert early < head.size
        for bad in ("x", "x:", "x:-1", "x:1e3", f"x:{'9' * 17}"):
            with pytest.raises(PeerRefused, match="seen must be ORIGIN:LEAVES"):
                fetch_evidence(client, url, RepoType.MODEL, "alice/m", revision="main", seen=bad)


def test_other_refusals_keep_their_reason(lite: Node, client: PeerClient) -> None:
    """A request that the node cannot read is refused with what the node says; a node that is not there is down."""
    with served(lite) as url, pytest.raises((PeerRefused, NotFoundError)) as error:
        fetch_evidence(client, url, RepoType.MODEL, "alice/..", revision="main")
    assert "alice/.." in error.value.message
    with pytest.raises(PeerDown):
        fetch_evidence(client, "http://127.0.0.1:9", RepoType.MODEL, "alice/m", revision="main")
