"""Lists and search with the newest Hub client: filters, orders, pages, and what others do not see."""

from __future__ import annotations

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import BadRequestError
from tests.web.hub.conftest import People
from tests.web.hub.test_info import weights

from hanse.web.hub.listing import parse_count, parse_range

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
CARD = b"---\nlicense: mit\ntags: [listed]\npipeline_tag: fill-mask\ndatasets: [a/b]\n---\n"


@pytest.fixture(name="family", scope="module")
def _family(people: People) -> str:
    """Return a word that is in the names of five models, one of them private, and in no other."""
    api = people.api()
    for number in range(5):
        api.create_repo(f"admin/familyx-{number}", private=number == 4)
    operations = [CommitOperationAdd("README.md", CARD), CommitOperationAdd("model.safetensors", weights())]
    api.create_commit("admin/familyx-3", operations=operations, commit_message="card")
    return "familyx"


def _names(found: object) -> list[str]:
    return [one.id for one in found]  # type: ignore[attr-defined]


def test_search_finds_parts_of_names(people: People, api: HfApi, family: str) -> None:
    """Any part of a name finds it, several words must all be there, private ones only for their own people."""
    assert len(_names(api.list_models(search=family[2:]))) == 5
    assert _names(api.list_models(search=f"{family.upper()} -3")) == [f"admin/{family}-3"]
    assert len(_names(people.api(people.bob).list_models(search=family))) == 4
    assert len(_names(people.api(token=False).list_models(search=family))) == 4
    assert _names(api.list_datasets(search=family)) == []
    assert _names(api.list_models(search="%")) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"filter": "license:mit"},
        {"filter": ["listed", "fill-mask", "LICENSE:MIT"]},
        {"trained_dataset": "a/b"},
        {"pipeline_tag": "fill-mask"},
        {"num_parameters": "min:20,max:1K"},
    ],
)
def test_filters(api: HfApi, family: str, filters: dict[str, str]) -> None:
    """Tags, task and size pick the one model that has them, by its newest commit."""
    assert _names(api.list_models(search=family, **filters)) == [f"admin/{family}-3"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "filters",
    [
        {"filter": "no-such-tag"},
        {"author": "bob"},
        {"gated": True},
        {"num_parameters": "min:1B"},
        {"inference": "warm"},
        {"apps": "vllm"},
    ],
)
def test_filters_that_exclude(api: HfApi, family: str, filters: dict[str, str]) -> None:
    """What does not hold is not listed; services outside this node hold for nothing here."""
    assert _names(api.list_models(search=family, **filters)) == []  # type: ignore[arg-type]


def test_orders_and_pages(people: People, api: HfApi, family: str) -> None:
    """Pages follow each other by Link, without gap or repeat, whatever the order; a limit ends the list."""
    expected = [f"admin/{family}-{number}" for number in range(5)]
    raw = people.raw()
    for sort in ("lastModified", "createdAt", "downloads", "likes", "trendingScore"):
        found: list[str] = []
        path = f"/api/models?search={family}&sort={sort}&limit=2&direction=1"
        while path:
            reply = raw("GET", path)
            found += [one["id"] for one in reply.json()]
            link = reply.headers.get("link", "")
            assert not link or link.endswith('>; rel="next"')
            path = link[1:].partition(">")[0].removeprefix(people.node.url)
        assert sorted(found) == sorted(expected)
    assert len(_names(api.list_models(search=family, limit=3))) == 3


def test_how_much_is_shown(api: HfApi, family: str) -> None:
    """Files, card and configuration come when asked for; `expand` picks fields."""
    one = next(iter(api.list_models(search=f"{family}-3", full=True, cardData=True, fetch_config=True)))
    assert one.card_data is not None
    assert one.card_data.license == "mit"
    assert "model.safetensors" in [file.rfilename for file in one.siblings or ()]
    bare = next(iter(api.list_models(search=f"{family}-3")))
    assert (bare.siblings, bare.card_data, bare.author) == (None, None, "admin")
    picked = next(iter(api.list_models(search=f"{family}-3", expand=["siblings", "safetensors"])))
    assert picked.safetensors is not None
    assert (picked.author, len(picked.siblings or ()), picked.safetensors.total) == (None, 3, 25)


def test_datasets(api: HfApi, family: str) -> None:
    """Datasets have a list of their own."""
    api.create_repo(f"admin/{family}-data", repo_type="dataset", exist_ok=True)
    assert _names(api.list_datasets(search=family)) == [f"admin/{family}-data"]
    assert _names(api.list_datasets(dataset_name=family, author="admin", full=True)) == [f"admin/{family}-data"]


@pytest.mark.parametrize(
    "query",
    [
        "search=%00",
        "sort=name",
        "limit=many",
        "cursor=xyz",
        "cursor=W10",
        "cursor=WyJkb3dubG9hZHMiLHRydWUsMSwxXQ",
        "cursor=WyJ1cGRhdGVkX2F0Iix0cnVlLC0xLDFd",
        "num_parameters=6B",
        "num_parameters=min:lots",
        "expand=nope",
        "filter=" + "a," * 200,
    ],
)
def test_what_is_refused(people: People, query: str) -> None:
    """A query that cannot be meant is 400 with the reason, never an error of the node."""
    reply = people.raw().json("GET", f"/api/models?{query}")
    assert (reply.status, bool(reply.json()["error"])) == (400, True)


@pytest.mark.parametrize("query", ["search=%ff", "search=" + "a" * 3000, "author=%27%20OR%201=1", "limit=0", "limit=9999"])
def test_odd_queries_find_nothing_or_something(people: People, query: str) -> None:
    """Odd texts are only texts."""
    assert people.raw().json("GET", f"/api/models?{query}").status == 200


def test_expand_refusal_reaches_the_user(api: HfApi) -> None:
    """The client shows which fields there are."""
    with pytest.raises(BadRequestError, match="must be one of"):
        list(api.list_models(expand=["nope"]))  # type: ignore[list-item]


def test_sizes_of_models() -> None:
    """Counts have the suffixes of the hub's pages."""
    assert (parse_count("6B"), parse_count("1.5m"), parse_count("120000")) == (6 * 10**9, 1_500_000, 120_000)
    assert parse_range("min:6B,max:128B") == (6 * 10**9, 128 * 10**9)
    assert parse_range("max:1K") == (0, 1000)
