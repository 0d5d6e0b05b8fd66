"""Shell examples of README and docs run, in the order they are read, against a live node.

A block after the comment `<!-- run -->` is executed. The address of the README stands for the test node's, and its token for the
administrator's. All blocks of a page are one script, so that what a reader sets in one block holds in the next.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.clients import client_hf
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)
LATER = {"operations", "evidence", "witness", "export", "verify"}
"""Pages whose examples take seconds each: they run in `make soak`."""
WITH_EXAMPLES = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with forked_node(mother, tmp_path_factory.mktemp("node"), environ={"HANSE_SETTLE_SECONDS": "1"}) as node:
        yield node


def script(page: Path, node: LiveNode) -> str:
    """Return the runnable blocks of `page` as one script for `node`."""
    text = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    return "set -eux\n" + text.replace("http://127.0.0.1:8080", node.url).replace("hf_the_token_that_was_printed", ADMIN_TOKEN)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.soak] if page.stem in LATER else [], id=page.stem) for page in WITH_EXAMPLES]
)
def test_examples_run(page: Path, node: LiveNode, tmp_path: Path) -> None:
    """Every example of the page does what a reader would expect: it succeeds."""
    tools = [str(client_hf("hub2").parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    environ = node.client_env(tmp_path / "home", PATH=os.pathsep.join(tools), HANSE_HOME=str(node.folder))
    done = subprocess.run(
        ["bash", "-c", script(page, node)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{node.log()}"


def test_the_readme_has_examples() -> None:
    """README shows the upload, the download and the loading of a model, and they are among the blocks that run."""
    text = "\n".join(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert all(word in text for word in ("hf upload", "hf download", "from_pretrained"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file of this project."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
