"""Derived fields: brought up to date with `main`, whatever lies in the files."""

from __future__ import annotations

import json
import struct

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.flows import browse, index
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.model.actor import Actor


def weights(**shapes: list[int]) -> bytes:
    """Return a safetensors file of float tensors that hold nothing."""
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw


def _indexed(node: Node, repo: Repo) -> Repo:
    index.reindex(node, repo.id)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    assert found.indexed == found.head
    return found


def test_card_configuration_and_weights(node: Node, alice: Actor) -> None:
    """Tags, task, library, card and parameters follow the head of main, and go when the files go."""
    repo = new_repo(node, alice, "alice/m")
    commit(
        node,
        alice,
        repo,
        PutBytes("README.md", b"---\nlicense: mit\nlanguage: no\n---\n# Hi\n"),
        PutBytes("config.json", b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'),
        PutBytes("model.safetensors", weights(a=[3, 4], b=[5])),
    )
    found = _indexed(node, repo)
    assert (found.pipeline_tag, found.library_name, found.parameters) == ("text-generation", "transformers", 17)
    assert {"llama", "safetensors", "license:mit", "no"} <= set(found.tags)
    assert json.loads(found.card or "") == {"license": "mit", "language": "no"}
    commit(node, alice, repo, DeleteFile("README.md"), DeleteFile("config.json"), DeleteFile("model.safetensors"))
    gone = _indexed(node, repo)
    assert (gone.pipeline_tag, gone.library_name, gone.parameters, gone.tags) == (None, None, None, ())


@pytest.mark.parametrize(
    "readme",
    [
        b"---\nlicense: [mit\n---\n",
        b"---\na: &a [*a]\n---\n",
        b"\xff\xfe---\n",
        b"---\n" + b"[" * 10_000 + b"\n---\n",
        b"---\nlicense: 2020-01-01\ntags: {a: 1}\npipeline_tag: [x]\n1: 2\n---\n",
        b'---\nlicense: "a\\0b"\ntags: ["a\\nb", "' + b"x" * 5000 + b'"]\n---\n',
        b"---\nbig: " + b"x" * 300_000 + b"\nlicense: mit\n---\n",
    ],
    ids=range(7),
)
def test_hostile_cards(node: Node, alice: Actor, readme: bytes) -> None:
    """No card fails a commit or the listing; what cannot be used is left out."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("README.md", readme))
    found = _indexed(node, repo)
    assert len(found.card or "") <= index.MAX_CARD_JSON
    assert all(tag.isprintable() and len(tag) <= 200 for tag in found.tags)


@pytest.mark.parametrize(
    "config", [b"", b"[" * 100_000, b'{"architectures": 5, "model_type": {"a": 1}}', b"\xff", b'"x"', b'{"auto_map": [1]}']
)
def test_hostile_configurations(node: Node, alice: Actor, config: bytes) -> None:
    """A configuration of any shape counts as far as it is understood."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("config.json", config), PutBytes("tokenizer_config.json", config))
    _indexed(node, repo)


def test_shards_are_summed_and_a_bad_one_voids_the_sum(node: Node, alice: Actor) -> None:
    """The index names the shards; if one is no safetensors file, no number is given rather than a false one."""
    repo = new_repo(node, alice, "alice/m")
    shard_index = json.dumps({"metadata": {"x": 1}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}).encode()
    first, second = PutBytes("1.safetensors", weights(a=[2])), PutBytes("2.safetensors", weights(b=[3]))
    commit(node, alice, repo, PutBytes("model.safetensors.index.json", shard_index), first, second)
    assert _indexed(node, repo).parameters == 5
    _, listing = browse.read_revision(node, repo, "main")
    found, headers = index.sharded_headers(node, listing, "model.safetensors.index.json", lambda _: None)
    assert (found, list(headers)) == ({"metadata": {"x": 1}}, ["1.safetensors", "2.safetensors"])
    commit(node, alice, repo, PutBytes("2.safetensors", b"not it"))
    assert _indexed(node, repo).parameters is None


def test_an_index_without_its_shards(node: Node, alice: Actor) -> None:
    """Headers of a sharded model are all or an error that names the missing shard."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a/i.json", b'{"weight_map": {"t": "gone.safetensors"}}'))
    _, listing = browse.read_revision(node, repo, "main")
    with pytest.raises(BadFormat, match=r"gone\.safetensors"):
        index.sharded_headers(node, listing, "a/i.json", lambda _: None)


def test_what_a_crash_left_behind_is_brought_up_to_date(node: Node, alice: Actor) -> None:
    """A head that nobody described is described by the next reader, or by the sweep at start."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("README.md", b"---\ntags: [x]\n---\n"))
    with node.db.read() as conn:
        stale = repos.get(conn, repo.id)
    assert stale is not None
    assert stale.indexed != stale.head
    assert index.up_to_date(node, stale).tags == ("x",)
    commit(node, alice, repo, PutBytes("README.md", b"---\ntags: [y]\n---\n"))
    assert (index.reindex_stale(node), index.reindex_stale(node)) == (1, 0)
