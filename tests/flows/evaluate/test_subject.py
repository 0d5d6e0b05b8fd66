"""What is evaluated: files hashed here, or an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import EntryNotFound
from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.subject import claimed, of_endpoint, of_folder
from hanse.flows.sign_folder import hash_folder, tree_of


def test_a_folder(tmp_path: Path) -> None:
    """The model is the tree of all its files, so that another tokenizer is another model; its one GGUF file is run."""
    (tmp_path / "m.gguf").write_bytes(b"weights")
    (tmp_path / "config.json").write_bytes(b"{}")
    found = of_folder(tmp_path)
    assert (found.tree, found.weights) == (tree_of(hash_folder(tmp_path)), WeightsClass.LOCAL)
    assert found.file == (tmp_path / "m.gguf").resolve()
    (tmp_path / "config.json").write_bytes(b"{ }")
    assert of_folder(tmp_path).tree != found.tree
    assert claimed(found).weights is WeightsClass.CLAIMED


def test_parts_and_several(tmp_path: Path) -> None:
    """The first part stands for all; of two models none is chosen."""
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        (tmp_path / name).write_bytes(b"w")
    found = of_folder(tmp_path).file
    assert found is not None
    assert found.name == "m-00001-of-00002.gguf"
    (tmp_path / "other.gguf").write_bytes(b"w")
    with pytest.raises(EntryNotFound):
        of_folder(tmp_path)


def test_an_address() -> None:
    """Host and name are what is known; a user's name or password in an address does not enter."""
    one = of_endpoint("https://API.example.org/v1", "big")
    assert one.weights is WeightsClass.CLAIMED
    assert one.name == "api.example.org big"
    assert one.tree == of_endpoint("https://me:secret@api.example.org/other", "big").tree
    assert one.tree != of_endpoint("https://api.example.org/v1", "small").tree
