"""Configurations against the weights beside them: what contradicts is said, what only looks odd is not."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import RepositoryJudgement, Verdict
from hanse.scan.dispatch import extract
from hanse.scan.repoconfig import series_of
from hanse.scan.repository import judge_repository
from hanse.scan.source import BytesSource

CONFIG: dict[str, Any] = {"model_type": "x", "architectures": ["XForCausalLM"], "num_hidden_layers": 4, "vocab_size": 50}


def judge_files(files: dict[str, bytes]) -> RepositoryJudgement:
    """Return the verdict on files together."""
    return judge_repository({path: extract(BytesSource(data)) for path, data in files.items()}, builtin_ruleset())


def judged(**files: bytes) -> RepositoryJudgement:
    """Return the verdict on files whose names have two underscores for each dot."""
    return judge_files({path.replace("__", "."): data for path, data in files.items()})


def rules(found: RepositoryJudgement) -> set[str]:
    """Return the ids of all findings."""
    return {one.rule for one in found.findings}


def words(rows: int, columns: int, name: str = "model.embed_tokens.weight", dtype: str = "F16") -> bytes:
    """Return a safetensors file with one matrix of words."""
    entry = {"dtype": dtype, "shape": [rows, columns], "data_offsets": [0, 2 * rows * columns]}
    header = json.dumps({name: entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(2 * rows * columns)


def test_configuration_against_weights() -> None:
    """Sizes that no matrix of words has are said; padding, other widths and other folders are not."""
    config = {"model_type": "x", "architectures": ["X"], "vocab_size": 3000, "hidden_size": 8}
    told = json.dumps(config).encode()
    assert rules(judged(config__json=told, model__safetensors=words(3000, 8))) == set()
    assert rules(judged(config__json=told, model__safetensors=words(3072, 8))) == set()
    found = judged(config__json=told, model__safetensors=words(2000, 8))
    assert rules(found) == {"REPO-CONFIG-SHAPE"}
    assert "vocab_size 3000" in found.findings[0].says
    assert found.verdict is Verdict.CAUTION
    assert rules(judged(config__json=told, model__safetensors=words(9000, 8))) == {"REPO-CONFIG-SHAPE"}
    assert "hidden_size 8" in judged(config__json=told, model__safetensors=words(3000, 16)).findings[0].says
    other = json.dumps(config | {"embedding_size": 16}).encode()
    assert rules(judged(config__json=other, model__safetensors=words(3000, 16))) == set()
    assert rules(judged(config__json=told, adapter__safetensors=words(2000, 8))) == set()
    assert rules(judge_files({"config.json": told, "other/model.safetensors": words(2000, 8)})) == set()
    shards = {"config.json": told, "model-00001-of-00001.safetensors": words(2000, 8)}
    assert rules(judge_files(shards)) == {"REPO-CONFIG-SHAPE"}


def weights(*names: str, dtype: str = "F16", rows: int = 50) -> bytes:
    """Return a safetensors file with a matrix of so many rows for each name."""
    size = 2 * rows * 4
    header = {
        name: {"dtype": dtype, "shape": [rows, 4], "data_offsets": [n * size, n * size + size]} for n, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size * len(names))


def layers(*numbers: int, stack: str = "model.layers") -> list[str]:
    """Return the names of one tensor for each layer."""
    return [f"{stack}.{number}.self_attn.q_proj.weight" for number in numbers]


def config(**changes: object) -> bytes:
    """Return the configuration with changes."""
    return json.dumps(CONFIG | changes).encode()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (layers(0, 1, 2, 3), False),
        (layers(0, 1, 2, 3, 4), False),
        (layers(0, 1), True),
        (layers(*range(32)), True),
        (layers(0, 1) + layers(0, 1, 2, 3, stack="vision.blocks"), False),
        (layers(0), False),
        (["model.embed_tokens.weight"], False),
    ],
    ids=["as-many", "one-that-predicts-more", "missing", "far-more", "another-stack", "one-shared-layer", "no-layers"],
)
def test_layers(names: list[str], said: bool) -> None:
    """Weights without a stack of as many layers as the configuration says are told, and nothing that could be meant so."""
    found = judged(config__json=config(), model__safetensors=weights(*names))
    assert ("REPO-CONFIG-LAYERS" in rules(found)) == said
    assert found.verdict is (Verdict.CAUTION if said else Verdict.SAFE)
    other = judged(config__json=config(num_hidden_groups=1), model__safetensors=weights(*names))
    assert "REPO-CONFIG-LAYERS" not in rules(other)


def test_layers_of_shards() -> None:
    """Layers are counted over all shards, and not at all while shards are missing."""
    name = "model-0000{}-of-00002.safetensors"
    parts = {name.format(1): weights(*layers(0, 1)), name.format(2): weights(*layers(2, 3))}
    assert rules(judge_files({"config.json": config(), **parts})) == set()
    assert rules(judge_files({"config.json": config(num_hidden_layers=6), **parts})) == {"REPO-CONFIG-LAYERS"}
    assert rules(judge_files({"config.json": config(num_hidden_layers=6), name.format(1): weights(*layers(0, 1))})) == set()


@pytest.mark.parametrize(
    ("changes", "names", "dtype", "said"),
    [
        ({"tie_word_embeddings": False}, ["model.embed_tokens.weight"], "F16", True),
        ({"tie_word_embeddings": False}, ["model.embed_tokens.weight", "lm_head.weight"], "F16", False),
        ({"tie_word_embeddings": False}, ["emb.weight", "whatever.else"], "BF16", False),
        ({"tie_word_embeddings": True}, ["model.embed_tokens.weight"], "F16", False),
        ({}, ["model.embed_tokens.weight"], "F16", False),
        ({"tie_word_embeddings": False, "architectures": ["XForTokenClassification"]}, ["emb.weight"], "F16", False),
        ({"tie_word_embeddings": False, "quantization_config": {"bits": 4}}, ["emb.weight"], "F16", False),
        ({"tie_word_embeddings": False}, ["model.embed_tokens.weight"], "I16", False),
    ],
    ids=["missing", "there", "other-names", "tied", "not-said", "no-language-model", "quantised", "packed"],
)
def test_outputs(changes: dict[str, object], names: list[str], dtype: str, said: bool) -> None:
    """A language model whose configuration promises an output that the weights lack is told, where nothing else can be meant."""
    found = judged(config__json=config(**changes), model__safetensors=weights(*names, *layers(0, 1, 2, 3), dtype=dtype))
    assert rules(found) == ({"REPO-CONFIG-HEAD"} if said else set())


def test_much_is_not_remembered() -> None:
    """Weights with more matrices of their own than are kept say nothing."""
    names = [f"part{number}.weight" for number in range(40)]
    data = weights(*names, *layers(0, 1))
    assert rules(judged(config__json=config(tie_word_embeddings=False), model__safetensors=data)) == set()


def test_series() -> None:
    """Shards of one series have one name."""
    assert series_of("a/model-00001-of-00002.safetensors") == "a/model-#-of-00002.safetensors"
    assert series_of("model.safetensors") == series_of("x-of-y") == ""
