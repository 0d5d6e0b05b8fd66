"""Commands of the newest `hf` against a live node."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.live import LiveNode


@pytest.mark.soak
def test_folder_of_600_small_files(node: LiveNode, repo: str, model: Path, tmp_path: Path) -> None:
    """A folder of 600 small files, which clients split into several commits, arrives whole."""
    rng = random.Random(600)
    for number in range(600):
        path = model / f"part-{number % 7}" / f"{number:03}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(rng.randbytes(rng.randrange(200)).hex().encode())
    client = Client("hub2", node, tmp_path / "home")
    client.hf("upload", repo, model)
    client.hf("download", repo, "--local-dir", tmp_path / "out")
    got = tree_bytes(tmp_path / "out")
    got.pop(".gitattributes")
    assert got == tree_bytes(model)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["hub1", "hub0"])
def test_upload_large_folder(node: LiveNode, name: str, repo: str, model: Path, tmp_path: Path) -> None:
    """`hf upload-large-folder` (up to 1.x; 2.x folded it into `hf upload`) works, and so does running it again."""
    files = sample_folder(model, seed=9)
    client = Client(name, node, tmp_path / "home")
    client.hf("upload-large-folder", repo, model, "--repo-type", "model", "--num-workers", "2")
    client.hf("upload-large-folder", repo, model, "--repo-type", "model", "--num-workers", "2")
    client.hf("download", repo, "--local-dir", tmp_path / "out")
    got = tree_bytes(tmp_path / "out")
    got.pop(".gitattributes")
    assert got == files


def test_cache_verify_and_second_upload(node: LiveNode, repo: str, model: Path, tmp_path: Path) -> None:
    """`hf cache verify` finds every file as the node lists it, and an unchanged upload makes no new commit."""
    sample_folder(model, seed=3)
    client = Client("hub2", node, tmp_path / "home")
    client.hf("upload", repo, model)
    head = client.python(
        "import sys, json; from huggingface_hub import HfApi; print(json.dumps(HfApi().model_info(sys.argv[1]).sha))", repo
    )
    client.hf("upload", repo, model)
    client.hf("download", repo)
    client.hf("cache", "verify", repo)
    again = client.python(
        "import sys, json; from huggingface_hub import HfApi; print(json.dumps(HfApi().model_info(sys.argv[1]).sha))", repo
    )
    assert again == head


@pytest.mark.soak
def test_dataset_upload_and_load(node: LiveNode, repo: str, tmp_path: Path) -> None:
    """`datasets.load_dataset` reads a CSV and a parquet repository pushed with `hf upload`."""
    folder = tmp_path / "data"
    folder.mkdir()
    client = Client("hub2", node, tmp_path / "home")
    code = """
    import sys, json, pyarrow as pa, pyarrow.parquet as pq
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": [0, 1, 0]}), sys.argv[1] + "/train.parquet")
    print(json.dumps(True))
    """
    client.python(code, folder)
    (folder / "test.parquet").write_bytes((folder / "train.parquet").read_bytes())
    client.hf("upload", repo, folder, "--repo-type", "dataset")
    load = """
    import sys, json, datasets
    data = datasets.load_dataset(sys.argv[1])
    print(json.dumps({split: data[split].to_dict() for split in data}))
    """
    rows = {"text": ["a", "b", "c"], "label": [0, 1, 0]}
    assert client.python(load, repo) == {"train": rows, "test": rows}
    csv = tmp_path / "rows.csv"
    csv.write_text("x,y\n1,2\n3,4\n")
    client.hf("upload", f"{repo}-csv", csv, "train.csv", "--repo-type", "dataset")
    assert client.python(load, f"{repo}-csv") == {"train": {"x": [1, 3], "y": [2, 4]}}
