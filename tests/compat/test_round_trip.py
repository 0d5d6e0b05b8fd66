"""Every supported client generation uploads a folder and gets the same bytes back, with Xet and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.live import LiveNode

GENERATIONS = ["hub2", "hub1", "hub0"]


@pytest.mark.parametrize("xet", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["xet", "http"])
@pytest.mark.parametrize("name", GENERATIONS)
def test_folder_round_trip(node: LiveNode, name: str, xet: bool, repo: str, model: Path, tmp_path: Path) -> None:
    """`hf upload` of a folder and `hf download` with a fresh home give byte-identical files."""
    files = sample_folder(model, seed=GENERATIONS.index(name))
    client = Client(name, node, tmp_path / "up", xet=xet)
    client.hf("upload", repo, model)
    out = tmp_path / "out"
    reader = client.fresh(tmp_path / "down")
    reader.hf("download", repo, "--local-dir", out)
    got = tree_bytes(out)
    got.pop(".gitattributes")
    assert got == files
    again = reader.hf("download", repo)
    assert Path(_last_path(again), "config.json").read_bytes() == files["config.json"]


def _last_path(output: str) -> str:
    """Return the folder that `hf download` printed, in any generation's style."""
    lines = [line.strip() for line in output.splitlines() if "snapshots" in line]
    return "/" + lines[-1].partition("/")[2]


@pytest.mark.parametrize("name", ["hub2", *(pytest.param(one, marks=pytest.mark.soak) for one in GENERATIONS[1:])])
def test_uploaded_by_http_downloaded_by_xet(node: LiveNode, name: str, repo: str, tmp_path: Path) -> None:
    """A file that came by LFS is served by Xet, and one that came by Xet by plain GET: one store behind both."""
    data = bytes(range(256)) * 20_000
    path = tmp_path / "weights.bin"
    path.write_bytes(data)
    for up in (True, False):
        target = f"{repo}-{up}".lower()
        Client(name, node, tmp_path / f"up{up}", xet=up).hf("upload", target, path)
        out = tmp_path / f"out{up}"
        Client(name, node, tmp_path / f"down{up}", xet=not up).hf("download", target, "weights.bin", "--local-dir", out)
        assert (out / "weights.bin").read_bytes() == data


@pytest.mark.soak
def test_routes_in_the_singular(node: LiveNode, repo: str, model: Path, tmp_path: Path) -> None:
    """An hf-xet that names the routes of the content store in the singular uploads a folder and gets the same bytes back."""
    files = sample_folder(model, seed=34)
    Client("hub034", node, tmp_path / "up").hf("upload", repo, model)
    out = tmp_path / "out"
    Client("hub034", node, tmp_path / "down").hf("download", repo, "--local-dir", out)
    got = tree_bytes(out)
    got.pop(".gitattributes")
    assert got == files
    asked = (node.folder / "node.log").read_text(encoding="utf-8")
    for route in ("xorb/default", "shard/default", "reconstruction"):
        assert re.search(rf"/cas/\w+/{route}/[0-9a-f]{{64}}\S* .*200", asked), route
