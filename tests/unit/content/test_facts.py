"""Tags, task and library as the public hub derives them, from hostile input too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content.facts import (
    CONFIG_FILES,
    MAX_TAGS,
    arxiv_ids,
    config_subset,
    dataset_facts,
    model_facts,
    transformers_info,
    word,
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_a_transformers_model() -> None:
    """Library, formats, architecture and card end up as tags in the hub's order."""
    config = config_subset({"config.json": {"architectures": ["BertForMaskedLM"], "model_type": "bert"}})
    card = {"license": "mit", "language": ["en", "de"], "tags": ["x"], "datasets": "a/b", "base_model": "c/d"}
    facts = model_facts({"config.json", "model.safetensors", "pytorch_model.bin"}, card, "arxiv.org/abs/1810.04805", config)
    assert (facts.library_name, facts.pipeline_tag) == ("transformers", "fill-mask")
    assert facts.tags == (
        *("transformers", "pytorch", "safetensors", "bert", "fill-mask", "x", "dataset:a/b"),
        *("en", "de", "arxiv:1810.04805", "base_model:c/d", "license:mit"),
    )


@pytest.mark.parametrize(
    ("paths", "card", "library", "task"),
    [
        ({"modules.json"}, {}, "sentence-transformers", "sentence-similarity"),
        ({"model_index.json"}, {"pipeline_tag": "text-to-image"}, "diffusers", "text-to-image"),
        ({"adapter_config.json"}, {}, "peft", None),
        ({"m.gguf"}, {"tags": ["gguf", "text-generation"]}, None, "text-generation"),
        (set(), {"library_name": "mlx"}, "mlx", None),
        (set(), {"tags": ["timm"]}, "timm", None),
        (set(), {"library_name": 5, "pipeline_tag": ["a"], "tags": {"a": 1}}, None, None),
    ],
)
def test_library_and_task(paths: set[str], card: dict[str, Any], library: str | None, task: str | None) -> None:
    """The card's words win over marker files, these over tags."""
    facts = model_facts(paths, card, "", {})
    assert (facts.library_name, facts.pipeline_tag) == (library, task)


def test_a_dataset() -> None:
    """A dataset's fields become prefixed tags, and its files formats."""
    card = {"task_categories": ["text-classification"], "language": "en", "license": "mit", "size_categories": "n<1K"}
    tags = dataset_facts({"data/train.parquet", "a.csv", "README.md"}, card | {"tags": ["x"]}, "").tags
    assert {"task_categories:text-classification", "language:en", "license:mit", "size_categories:n<1K"} < set(tags)
    assert {"format:parquet", "format:csv", "x"} < set(tags)


def test_config_subset_keeps_little() -> None:
    """Only named fields of the configuration are shown, and only of their own type."""
    files = {
        "config.json": {"architectures": ["A", 5], "model_type": "b", "auto_map": {"M": "m.M"}, "secret": 1, "x": {}},
        "tokenizer_config.json": {"mask_token": {"content": "[MASK]"}, "eos_token": "</s>", "chat_template": "t"},
        "adapter_config.json": {"base_model_name_or_path": "a/b"},
    }
    assert config_subset(files) == {
        "architectures": ["A"],
        "model_type": "b",
        "auto_map": {"M": "m.M"},
        "tokenizer_config": {"mask_token": "[MASK]", "eos_token": "</s>", "chat_template": "t"},
        "peft": {"base_model_name_or_path": "a/b"},
    }


def test_own_code_and_chat_are_tagged() -> None:
    """A model that brings its own code, or a chat template, says so."""
    config = config_subset({"config.json": {"auto_map": {"M": "m.M"}}, "chat_template.jinja": "{{ x }}"})
    assert {"custom_code", "conversational"} <= set(model_facts(set(), {}, "", config).tags)


def test_transformers_info() -> None:
    """The auto class follows the architecture; without one there is nothing to say."""
    config = {"architectures": ["LlamaForCausalLM"], "tokenizer_config": {}}
    found = {"auto_model": "AutoModelForCausalLM", "pipeline_tag": "text-generation", "processor": "AutoTokenizer"}
    assert transformers_info(config, None) == found
    assert transformers_info({"architectures": ["X"]}, None) == {"auto_model": "AutoModel"}
    assert transformers_info({}, None) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("https://arxiv.org/abs/1810.04805v2)", ["1810.04805"]),
        ("arxiv.org/pdf/2307.09288.pdf arxiv.org/abs/2307.09288", ["2307.09288"]),
        ("arxiv.org/", []),
        ("arxiv.org/abs/abcd.12345", []),
        ("arxiv.org/" * 1000, []),
    ],
)
def test_arxiv(body: str, found: list[str]) -> None:
    """Linked papers are found once each."""
    assert arxiv_ids(body) == found


def test_words_and_tags_are_bounded() -> None:
    """Control characters, long words and long lists do not get through."""
    assert word("a\nb") is None
    assert word("a" * 97) is None
    assert len(model_facts(set(), {"tags": [f"t{at}" for at in range(5000)]}, "", {}).tags) == MAX_TAGS


@given(card=st.dictionaries(st.sampled_from(["license", "tags", "language", "base_model", "pipeline_tag"]), _JSON), config=_JSON)
def test_any_card_and_configuration(card: dict[str, Any], config: Any) -> None:
    """Values of any type are passed over, never an error."""
    subset = config_subset(dict.fromkeys(CONFIG_FILES, config))
    model_facts({"config.json"}, card, "", subset)
    dataset_facts(set(), card, "")
    transformers_info(subset, None)
