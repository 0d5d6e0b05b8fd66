"""Cards with the newest Hub client: loading, checking, pushing."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import HfApi, ModelCard, metadata_update
from tests.support.live import ADMIN_TOKEN
from tests.web.hub.conftest import People


@pytest.fixture(autouse=True)
def _endpoint(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the client's module-level functions at the node: cards know no other way."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", people.node.url)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        people.node.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", people.node.url)


def test_cards_are_checked(people: People) -> None:
    """A good card passes; a wrong licence is refused with the client's own words."""
    card = ModelCard("---\nlicense: mit\ntags: [a]\n---\n# Hi\n")
    card.validate()
    card.data["license"] = "asdf"
    with pytest.raises(ValueError, match='- Error: "license" must be one of'):
        card.validate()


def test_cards_are_pushed_and_loaded(people: People, api: HfApi, repo: str, plain: None) -> None:
    """A card goes to a repository that has none, comes back, and its metadata can be updated."""
    ModelCard("---\nlicense: mit\n---\n# Hi\n").push_to_hub(repo, token=ADMIN_TOKEN)
    metadata_update(repo, {"tags": ["pushed"]}, token=ADMIN_TOKEN)
    assert ModelCard.load(repo, token=ADMIN_TOKEN).data.to_dict() == {"license": "mit", "tags": ["pushed"]}
    assert "pushed" in (api.model_info(repo).tags or [])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"content": "---\nlicense: mit\n---\n", "repoType": "model"}, 200),
        ({"content": "# nothing", "repoType": "dataset"}, 200),
        ({"content": "---\n" + "[" * 50_000 + "\n---\n"}, 400),
        ({"content": "---\na: &a [*a]\n---\n"}, 400),
        ({"content": 5}, 400),
        ({}, 400),
        ([], 400),
    ],
    ids=range(7),
)
def test_answers(people: People, body: object, status: int) -> None:
    """Whatever is sent, the answer is a JSON object with what is wrong."""
    reply = people.raw("")("POST", "/api/validate-yaml", json.dumps(body).encode(), {"content-type": "application/json"})
    assert reply.status == status
    assert isinstance(reply.json(), dict)
    if status == 200:
        assert reply.json()["errors"] == []
