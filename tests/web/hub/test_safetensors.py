"""Safetensors metadata with the newest Hub client."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from tests.web.hub.conftest import People
from tests.web.hub.test_info import weights

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
INDEX = {"metadata": {"total_size": 200}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}


@pytest.fixture(name="sharded")
def _sharded(api: HfApi, repo: str, plain: None) -> str:
    """Return a model in two shards."""
    files = {"model.safetensors.index.json": json.dumps(INDEX).encode()}
    files |= dict.fromkeys(("one.safetensors", "two.safetensors"), weights())
    api.create_commit(repo, operations=[CommitOperationAdd(*item) for item in files.items()], commit_message="add")
    return repo


def test_the_client_counts_parameters(api: HfApi, sharded: str) -> None:
    """The client's own count over range reads is the node's."""
    assert api.get_safetensors_metadata(sharded).parameter_count == {"F32": 50}
    info = api.model_info(sharded, expand=["safetensors"]).safetensors
    assert info is not None
    assert (info.parameters, info.total) == ({"F32": 50}, 50)


def test_all_headers_in_one_answer(people: People, sharded: str) -> None:
    """The index comes without its weight map, and every shard's header."""
    found = people.raw().json("GET", f"/api/models/{sharded}/safetensors-metadata/model.safetensors.index.json").json()
    assert found["index"] == {"metadata": {"total_size": 200}}
    assert found["headers"]["two.safetensors"]["a"]["shape"] == [5, 5]
    assert people.raw().json("GET", f"/api/models/{sharded}/safetensors-metadata").json() == found


def test_refusals(people: People, api: HfApi, sharded: str) -> None:
    """A missing index is 404, another file 400; a gated repository's headers are content."""
    raw, path = people.raw(), f"/api/models/{sharded}/safetensors-metadata"
    assert raw.json("GET", f"{path}/nope.json").headers["x-error-code"] == "EntryNotFound"
    assert raw.json("GET", f"{path}/one.safetensors").status == 400
    api.update_repo_settings(sharded, gated="auto")
    assert people.raw(people.bob).json("GET", path).headers["x-error-code"] == "GatedRepo"
