"""Names as clients meet them: the explicit origin, ids without namespace, renames, any case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode

_ORIGIN = "models.example.org"
_TOUR = """
import sys, json
from huggingface_hub import HfApi, hf_hub_download
api = HfApi()
api.create_repo("admin/Mixed-Case", exist_ok=True)
api.upload_file(repo_id="admin/Mixed-Case", path_in_repo="big.bin", path_or_fileobj=bytes(range(256)) * 8000)
first = open(hf_hub_download("ADMIN/mixed-case", "big.bin"), "rb").read()
alias = open(hf_hub_download("short", "big.bin"), "rb").read()
api.move_repo("admin/Mixed-Case", "admin/renamed")
moved = open(hf_hub_download("admin/mixed-case", "big.bin", force_download=True), "rb").read()
info = api.model_info("admin/MIXED-case")
api.move_repo("admin/renamed", "admin/Mixed-Case")
print(json.dumps([first == alias == moved == bytes(range(256)) * 8000, info.id]))
"""


@pytest.fixture(name="named", scope="module")
def _named(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    environ = {"HANSE_ALIASES": "short=admin/Mixed-Case"}
    with forked_node(mother, tmp_path_factory.mktemp("named"), flags=("--origin", _ORIGIN), environ=environ) as node:
        yield node


@pytest.mark.parametrize("explicit", [False, True], ids=["plain", "origin"])
def test_names_resolve(named: LiveNode, explicit: bool, tmp_path: Path) -> None:
    """Any case, a configured alias and a former name lead to the repository, also below `/o/ORIGIN`."""
    seen = replace_url(named, f"{named.url}/o/{_ORIGIN}") if explicit else named
    same, shown = Client("hub2", seen, tmp_path / "home").python(_TOUR)
    assert same
    assert shown == "admin/renamed"


def test_another_origin_is_not_answered_for(named: LiveNode, tmp_path: Path) -> None:
    """An endpoint that names another origin finds nothing, rather than this node's repository of that name."""
    code = """
    import sys, json
    from huggingface_hub import HfApi
    try:
        HfApi().model_info("admin/Mixed-Case")
        print(json.dumps("found"))
    except Exception as error:
        print(json.dumps(type(error).__name__))
    """
    other = replace_url(named, f"{named.url}/o/elsewhere.example.org")
    assert Client("hub2", other, tmp_path / "home").python(code) != "found"


def replace_url(node: LiveNode, url: str) -> LiveNode:
    """Return a stand-in for the node under another address."""
    seen = LiveNode(node.folder)
    seen.url = url
    return seen
