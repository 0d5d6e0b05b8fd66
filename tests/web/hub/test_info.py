"""Repository info with the newest Hub client: fields, expand, files, states, former names."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import get_args

import pytest
from huggingface_hub import CommitOperationAdd, EvalResultEntry, HfApi, eval_result_entries_to_yaml, hf_hub_download
from huggingface_hub.errors import BadRequestError, RepositoryNotFoundError, RevisionNotFoundError
from tests.samples.texts import gguf
from tests.web.hub.conftest import People

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
CARD = b"---\nlicense: mit\ntags: [x]\nbase_model: a/b\nmodel-index:\n- name: m\n  results: []\nwidget:\n- text: hi\n---\n# Hi\n"


def weights() -> bytes:
    """Return a small safetensors file."""
    raw = json.dumps({"a": {"dtype": "F32", "shape": [5, 5], "data_offsets": [0, 100]}}).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(100)


@pytest.fixture(name="model")
def _model(api: HfApi, repo: str, plain: None) -> str:
    """Return a repository with card, configuration and weights."""
    files = {
        "README.md": CARD,
        "config.json": b'{"architectures": ["BertForMaskedLM"], "model_type": "bert"}',
        "tokenizer_config.json": b'{"mask_token": "[MASK]"}',
        "model.safetensors": weights(),
    }
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    api.create_commit(repo, operations=operations, commit_message="add")
    return repo


def test_everything(people: People, api: HfApi, model: str) -> None:
    """A model's info has what the client shows, with sizes and digests of files when asked for."""
    info = api.model_info(model, files_metadata=True, securityStatus=True)
    assert (info.id, info.author, info.private, info.gated, info.disabled) == (model, "admin", False, False, False)
    assert (info.pipeline_tag, info.library_name, info.mask_token) == ("fill-mask", "transformers", "[MASK]")
    assert info.tags is not None
    assert {"x", "bert", "safetensors", "license:mit", "base_model:a/b"} <= set(info.tags)
    assert info.safetensors is not None
    assert (info.safetensors.parameters, info.safetensors.total) == ({"F32": 25}, 25)
    assert info.card_data is not None
    assert info.card_data.license == "mit"
    assert info.transformers_info is not None
    assert info.transformers_info.auto_model == "AutoModelForMaskedLM"
    assert info.security_repo_status is not None
    assert info.security_repo_status["scansDone"] is True
    files = {one.rfilename: one for one in info.siblings or ()}
    assert files["config.json"].size == 60
    assert files["model.safetensors"].lfs is not None
    assert files["model.safetensors"].lfs.size == len(weights())
    raw = people.raw().json("GET", f"/api/models/{model}").json()
    assert (raw["modelId"], raw["model-index"][0]["name"], raw["widgetData"]) == (model, "m", [{"text": "hi"}])
    assert len(raw["_id"]) == 24
    assert set(raw["siblings"][0]) == {"rfilename"}
    assert (raw["hanse"]["rung"], raw["hanse"]["state"], len(raw["hanse"]["tree"])) == ("local", "live", 64)


def test_expand(people: People, api: HfApi, model: str) -> None:
    """With `expand` only those fields come, repeated or with commas; an unknown one is 400 and names the known ones."""
    info = api.model_info(model, expand=["sha", "tags", "siblings", "baseModels"])
    assert (info.author, info.downloads, bool(info.sha), bool(info.tags)) == (None, None, True, True)
    assert [one.rfilename for one in info.siblings or ()][:2] == [".gitattributes", "README.md"]
    found = people.raw().json("GET", f"/api/models/{model}?expand[]=likes&expand=sha,author").json()
    assert set(found) == {"_id", "id", "likes", "sha", "author"}
    with pytest.raises(BadRequestError, match=r"must be one of \[author, baseModels"):
        api.model_info(model, expand=["nope"])  # type: ignore[list-item]


def test_gguf(api: HfApi, repo: str, plain: None) -> None:
    """A repository with a GGUF file says what is in it, in the info and by `expand`."""
    api.create_commit(
        repo, operations=[CommitOperationAdd("m.gguf", gguf({"general.architecture": "llama"}))], commit_message="add"
    )
    whole, asked = api.model_info(repo), api.model_info(repo, expand=["gguf"])
    assert whole.gguf == asked.gguf
    assert asked.gguf is not None
    assert asked.gguf["architecture"] == "llama"


def test_eval_results(api: HfApi, repo: str, plain: None) -> None:
    """Files in `.eval_results` come as the client's own objects where they are asked for."""
    entries = [
        EvalResultEntry("cais/hle", "default", 20.5, source_url="https://x.example/r", source_name="Logs", notes="no tools")
    ]
    data = json.dumps(eval_result_entries_to_yaml(entries)).encode()
    api.create_commit(repo, operations=[CommitOperationAdd(".eval_results/hle.yaml", data)], commit_message="add")
    assert api.model_info(repo).eval_results is None
    assert api.model_info(repo, expand=["evalResults"]).eval_results == entries


def test_every_word_of_expand_is_served(people: People, api: HfApi, model: str) -> None:
    """Whatever the client may ask for is known."""
    from huggingface_hub.hf_api import ExpandDatasetProperty_T, ExpandModelProperty_T

    api.model_info(model, expand=list(get_args(ExpandModelProperty_T)))
    api.create_repo("admin/words", repo_type="dataset", exist_ok=True)
    assert api.dataset_info("admin/words", expand=list(get_args(ExpandDatasetProperty_T))).main_size


def test_revisions(api: HfApi, model: str) -> None:
    """A revision is named by branch, tag or commit; its files are its own."""
    first = api.list_repo_commits(model)[-1].commit_id
    assert [one.rfilename for one in api.model_info(model, revision=first).siblings or ()] == [".gitattributes"]
    api.create_branch(model, branch="a/b", revision=first)
    assert api.model_info(model, revision="a/b").sha == first
    with pytest.raises(RevisionNotFoundError):
        api.model_info(model, revision="nope")


def test_invisible_is_missing(people: People, api: HfApi, bob: HfApi, model: str) -> None:
    """Another's private repository and none at all are the same, over plain http too; so are wrong types."""
    api.update_repo_settings(model, private=True)
    assert api.model_info(model).private
    for one in (bob, people.api(token=False)):
        with pytest.raises(RepositoryNotFoundError):
            one.model_info(model)
    private, missing = (people.raw(people.bob).json("GET", f"/api/models/{name}") for name in (model, "admin/none"))
    assert private.status == missing.status == 404
    assert private.body.replace(model.encode(), b"X") == missing.body.replace(b"admin/none", b"X")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info(model)


def test_former_names(people: People, api: HfApi, model: str) -> None:
    """After a move reads of the old name are redirected inside the node, with path and query, downloads included."""
    target = f"{model}.moved"
    api.move_repo(model, target)
    assert api.model_info(model).id == target
    assert api.list_repo_files(model) == api.list_repo_files(target)
    config = hf_hub_download(model, "config.json", endpoint=people.node.url, token=api.token)
    assert json.loads(Path(config).read_bytes())["model_type"] == "bert"
    raw = people.raw()
    for method, path, rest in (
        ("GET", "/api/models/{}", "?blobs=true"),
        ("HEAD", "/{}/resolve/main/config.json", ""),
        ("GET", "/api/models/{}/tree/main/x%2Fy", "?recursive=true&expand=false"),
        ("GET", "/{}", ""),
    ):
        found = raw(method, path.format(model) + rest)
        assert (found.status, found.headers["location"]) == (307, path.format(target) + rest)
    origin = raw.json("GET", "/healthz").json()["origin"]
    assert raw("GET", f"/o/{origin}/api/models/{model}").headers["location"] == f"/o/{origin}/api/models/{target}"


def test_case_does_not_matter(api: HfApi, model: str) -> None:
    """Names are compared without case and shown as registered."""
    assert api.model_info(model.upper()).id == model
