"""Real models through the node: pushed, pulled and loaded with the same content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.services.clients import MINILM, SMOLLM2_GGUF
from tests.support.clients import Client, tree_bytes
from tests.support.live import LiveNode

_TOKENS = """
import sys, json
from transformers import AutoConfig, AutoTokenizer
name = sys.argv[1]
tokens = AutoTokenizer.from_pretrained(name)(["No single institution", "kann das aufhalten."])["input_ids"]
print(json.dumps([AutoConfig.from_pretrained(name).hidden_size, tokens]))
"""
_TENSORS = """
import sys, json, hashlib
from safetensors import safe_open
from huggingface_hub import hf_hub_download
path = sys.argv[1] if sys.argv[1].startswith("/") else hf_hub_download(sys.argv[1], "model.safetensors")
with safe_open(path, "np") as tensors:
    rows = {name: hashlib.sha256(tensors.get_tensor(name).tobytes()).hexdigest() for name in sorted(tensors.keys())}
print(json.dumps(rows))
"""
_EMBED = """
import sys, json
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
print(json.dumps([[round(float(x), 6) for x in row] for row in model.encode(["an open hub", "ein offener Speicher"])]))
"""


@pytest.fixture(name="minilm", scope="module")
def _minilm(node: LiveNode, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Push all-MiniLM-L6-v2 once for this module."""
    home = tmp_path_factory.mktemp("minilm")
    source = home / "all-MiniLM-L6-v2"
    shutil.copytree(MINILM, source)
    Client("hub2", node, home / "home").hf("upload", "admin/all-MiniLM-L6-v2", source)
    return "admin/all-MiniLM-L6-v2"


def test_minilm_files(node: LiveNode, minilm: str, tmp_path: Path) -> None:
    """Every file of all-MiniLM-L6-v2 comes back byte-identical."""
    Client("hub2", node, tmp_path / "home").hf("download", minilm, "--local-dir", tmp_path / "out")
    assert tree_bytes(tmp_path / "out") == tree_bytes(MINILM)


def test_minilm_tokens_and_config(node: LiveNode, minilm: str, tmp_path: Path) -> None:
    """Transformers loads config and tokenizer from the node and gives the token ids that the local files give."""
    client = Client("hub2", node, tmp_path / "home")
    assert client.python(_TOKENS, minilm) == client.python(_TOKENS, MINILM)


def test_minilm_tensors(node: LiveNode, minilm: str, tmp_path: Path) -> None:
    """Every tensor pulled from the node equals the one in the package."""
    client = Client("hub2", node, tmp_path / "home")
    assert client.python(_TENSORS, minilm) == client.python(_TENSORS, MINILM / "model.safetensors")


def test_minilm_listing_facts(node: LiveNode, minilm: str, tmp_path: Path) -> None:
    """Library, licence and parameter count are read from the files that were pushed."""
    code = """
    import sys, json
    from huggingface_hub import HfApi
    info = HfApi().model_info(sys.argv[1])
    meta = HfApi().get_safetensors_metadata(sys.argv[1])
    print(json.dumps([info.library_name, info.card_data.license, info.safetensors.total, sum(meta.parameter_count.values())]))
    """
    library, licence, total, counted = Client("hub2", node, tmp_path / "home").python(code, minilm)
    assert (library, licence) == ("sentence-transformers", "apache-2.0")
    assert total == counted > 22_000_000


@pytest.mark.parametrize("xet", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["xet", "http"])
def test_gguf_is_byte_identical(node: LiveNode, xet: bool, tmp_path: Path) -> None:
    """The 98 MB GGUF of SmolLM2-135M comes back byte-identical."""
    repo = f"admin/smollm2-{'xet' if xet else 'http'}"
    client = Client("hub2", node, tmp_path / "home", xet=xet)
    client.hf("upload", repo, SMOLLM2_GGUF)
    out = tmp_path / "out"
    client.fresh(tmp_path / "reader").hf("download", repo, SMOLLM2_GGUF.name, "--local-dir", out)
    assert (out / SMOLLM2_GGUF.name).read_bytes() == SMOLLM2_GGUF.read_bytes()


@pytest.mark.soak
def test_sentence_transformers_embedding(node: LiveNode, minilm: str, tmp_path: Path) -> None:
    """sentence-transformers on PyTorch gives the same embedding from the node as from the local files."""
    client = Client("torch", node, tmp_path / "home")
    assert client.python(_EMBED, minilm) == client.python(_EMBED, MINILM)
