"""Pages: what they show, and that nothing pushed can run in them."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from jinja2 import Environment, PackageLoader, StrictUndefined
from tests.support.pages import Checker, check_page
from tests.web.hub.conftest import People

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
CARD = """---
license: mit
---
# Title

<script>alert(1)</script> <img src=x onerror=alert(1)>

[inside](sub/x%20y.txt) [outside](https://example.org/a) [script](javascript:alert(1)) [up](../../../etc)

![own](pic.png) ![tracker](https://example.org/pixel.png) ![data](data:image/svg+xml,x)

| a | b |
|---|---|
| 1 | 2 |
"""


def _page(people: People, path: str, status: int = 200) -> tuple[str, Checker]:
    """Return a page's text and what is in it."""
    return check_page(people.raw("")("GET", path), status)


@pytest.fixture(name="shown")
def _shown(api: HfApi, repo: str, plain: None) -> str:
    """Return a repository with a card that tries everything."""
    files = {"README.md": CARD.encode(), "sub/x y.txt": b"<b>bold</b>\n", "pic.png": b"\x89PNG\r\n\x1a\n", "w.bin": bytes(9)}
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    api.create_commit(repo, operations=operations, commit_message="Title <i>")
    return repo


def test_home(people: People, shown: str) -> None:
    """The front page says what this is, how to use it, and lists and finds repositories."""
    text, _ = _page(people, "/")
    assert f"HF_ENDPOINT={people.node.url}" in text
    assert f'href="/{shown}"' in _page(people, f"/?q={shown.partition('/')[2]}")[0]
    assert "No models have" in _page(people, "/?q=%22%3E%3Cscript%3E")[0]
    assert "Datasets" in _page(people, "/?type=datasets")[0]
    origin = people.raw("").json("GET", "/healthz").json()["origin"]
    assert f'href="/o/{origin}/{shown}"' in _page(people, f"/o/{origin}/")[0]


def test_home_pages(people: People, api: HfApi) -> None:
    """A long list comes in pages, none of which repeats what another showed."""
    for number in range(3):
        api.create_repo(f"admin/paged-{number}", repo_type="dataset", exist_ok=True)
    text, _ = _page(people, "/?type=datasets&q=paged&n=2")
    more = re.search(r'<a href="([^"]+)" rel="next">', text)
    assert more
    last, _ = _page(people, more.group(1).replace("&amp;", "&"))
    assert (text.count("<time"), last.count("<time"), 'rel="next"' in last) == (2, 1, False)


def test_cards_are_harmless(people: People, shown: str) -> None:
    """HTML in a card is text, images are the repository's own, links leave without credit and never run."""
    text, found = _page(people, f"/{shown}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    images = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
    assert f"/{shown}/resolve/main/pic.png" in images
    assert not [source for source in images if source and not source.startswith("/")]
    links = {str(attributes["href"]): attributes for tag, attributes in found.tags if tag == "a"}
    assert f"/{shown}/blob/main/sub/x%20y.txt" in links
    assert "nofollow" in str(links["https://example.org/a"]["rel"])
    assert not [href for href in links if href.startswith("javascript")]
    assert "<td>1</td>" in text


def test_files_and_commits(people: People, api: HfApi, shown: str) -> None:
    """Every part of a repository can be looked at: folders, files as text, commits and what they changed."""
    assert "x y.txt" in _page(people, f"/{shown}/tree/main/sub")[0]
    blob, _ = _page(people, f"/{shown}/blob/main/sub/x%20y.txt")
    assert "&lt;b&gt;bold&lt;/b&gt;" in blob
    assert "not shown here" in _page(people, f"/{shown}/blob/main/w.bin")[0]
    assert "Title &lt;i&gt;" in _page(people, f"/{shown}/commits/main")[0]
    commit, _ = _page(people, f"/{shown}/commit/{api.model_info(shown).sha}")
    assert "w.bin" in commit
    assert "added" in commit
    assert "None is known of these files" in commit
    assert "None is known of these files" in _page(people, f"/{shown}")[0]


def test_evaluations_of_several() -> None:
    """Every institution's newest record is a row with who agrees and who does not, and texts of others are no markup."""
    one = {"member": "a.example", "score": 0.5, "low": 0.4, "high": 0.6, "n": 20, "weights": "local", "degenerate": False}
    one |= {"time": "2026-11-27T07:00:00Z", "index": 7, "level": "V2", "agrees": {"b.example": "V2"}, "disagrees": {}}
    other = one | {
        "member": "<b>",
        "degenerate": True,
        "index": None,
        "level": "V0",
        "agrees": {},
        "disagrees": {"a.example": "V1"},
    }
    suite = {"suite": "ab" * 32, "name": "", "institutions": 2, "numericsClasses": 1, "medianLow": 0.4, "medianHigh": 0.6}
    loader = PackageLoader("hanse.web.pages")
    macros = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("evaluations.html").module
    text = " ".join(str(vars(macros)["table"]([suite | {"records": [one, other]}], "/api/it")).split())
    checker = Checker()
    checker.feed(text)
    assert (checker.open, checker.broken) == ([], [])
    assert "<td>&lt;b&gt;<br>" in text
    for words in ("b.example agrees (V2)", "a.example disagrees (V1)", "within one item of 0 or 1", "not logged yet"):
        assert words in text
    assert "median 0.400 to 0.600" in text
    assert "could not be read" in str(vars(macros)["table"](None, "/api/it"))


@pytest.mark.parametrize(
    "path", ["/no/repo", "/{}/tree/nope", "/{}/tree/main/nope", "/{}/blob/main/sub", "/{}/commit/" + "0" * 40]
)
def test_what_is_missing(people: People, shown: str, path: str) -> None:
    """What is not there is a page too."""
    _page(people, path.format(shown), 404)


def test_private_and_gated(people: People, api: HfApi, shown: str) -> None:
    """Visitors see a gated repository's card and not its files, and nothing of a private one."""
    api.update_repo_settings(shown, gated="auto")
    assert "whose request was accepted" in _page(people, f"/{shown}")[0]
    _page(people, f"/{shown}/blob/main/README.md", 401)
    api.update_repo_settings(shown, gated=False, private=True)
    _page(people, f"/{shown}", 404)


def test_static_files(people: People) -> None:
    """Style and icon are immutable under their digest, and nothing else is there."""
    _, found = _page(people, "/")
    style = next(str(attributes["href"]) for tag, attributes in found.tags if attributes.get("rel") == "stylesheet")
    reply = people.raw("")("GET", style)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in reply.headers["cache-control"]
    assert people.raw("")("GET", "/favicon.ico").headers["content-type"] == "image/svg+xml"
    for path in ("/static/0/style.css", style.replace("style.css", "..%2Frender.py"), style.replace("style.css", "x")):
        assert people.raw("")("GET", path).status == 404
