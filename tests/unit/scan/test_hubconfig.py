"""Configurations of the Hub's libraries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.judging import judged, rules_of

from hanse.scan.dispatch import extract
from hanse.scan.facts import View
from hanse.scan.source import BytesSource


def _view(value: object) -> View:
    return next(extract(BytesSource(json.dumps(value).encode())).of("hubconfig"))


def _rules(value: object, name: str = "config.json") -> set[str]:
    return rules_of(judged(json.dumps(value).encode(), name))


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ({"auto_map": {"AutoModel": "modeling.X"}}, {"HUB-CODE"}),
        ({"auto_map": {"AutoTokenizer": ["tok.Slow", None]}}, {"HUB-CODE"}),
        ({"auto_map": {"AutoModel": "other/repo--modeling.X"}}, {"HUB-CODE-ELSEWHERE"}),
        ({"vision_config": {"auto_map": {"AutoModel": "other/repo--modeling.X"}}}, {"HUB-CODE-ELSEWHERE"}),
        ({"auto_map": {"AutoModel": "../x.Y"}}, {"HUB-CODE-OUTSIDE"}),
        ({"custom_pipelines": {"t": {"impl": "pipe.Pipe"}}}, {"HUB-CODE"}),
        ({"trust_remote_code": True}, {"HUB-REMOTE-CODE"}),
        ({"_attn_implementation": "kernels-community/flash-attn"}, {"HUB-KERNEL"}),
        ({"_attn_implementation": "a/b"}, {"HUB-KERNEL-UNKNOWN"}),
        ({"_attn_implementation": "sdpa", "model_type": "x"}, set()),
        ({"_class_name": ["pipeline", "P"], "unet": ["diffusers", "U"]}, {"HUB-CODE"}),
        ({"_diffusers_version": "1", "unet": ["my_unet", "U"]}, {"TARGET-CUSTOM"}),
        ({"_diffusers_version": "1", "unet": ["os", "system"]}, {"TARGET-DENIED"}),
        ({"peft_type": "LORA", "auto_mapping": None}, set()),
        ({"peft_type": "LORA", "auto_mapping": {"parent_library": "transformers.models.x", "base_model_class": "X"}}, set()),
        ({"activation_function": "gelu"}, set()),
        ({"activation_function": "os.abort"}, {"TARGET-DENIED"}),
        ([{"idx": 0, "name": "0", "path": "", "type": "custom.Module"}], {"TARGET-CUSTOM"}),
        ({"weight_map": {"a": "model-1.safetensors"}}, set()),
        ({"weight_map": {"a": "/etc/passwd"}}, {"HUB-INDEX-OUTSIDE"}),
    ],
)
def test_what_loaders_act_on_is_judged(value: object, rules: set[str]) -> None:
    """Each key that makes a library import, fetch or read something has its rule."""
    assert _rules(value) == rules


def test_an_index_is_kept_for_the_repository() -> None:
    """File names come in portions, so that even a large index is whole."""
    value: dict[str, Any] = {
        "metadata": {"total_size": 7},
        "weight_map": {f"w{at}": f"m{at:03}.safetensors" for at in range(100)},
    }
    found = list(_view(value).all("hubconfig.index"))
    assert [len(one.data["files"]) for one in found] == [60, 40]
    assert {(one.data["total_size"], one.data["count"], one.data["tensors"]) for one in found} == {(7, 100, 100)}


def test_what_a_model_is_is_kept_for_the_repository() -> None:
    """Architectures and sizes are facts, not findings."""
    found = _view({"architectures": ["X"], "model_type": "x", "hidden_size": 4, "vocab_size": 9}).first("hubconfig.architectures")
    assert found is not None
    assert found.data == {"path": "", "architectures": ["X"], "model_type": "x", "hidden_size": 4, "vocab_size": 9}


def test_templates_are_found_under_every_name() -> None:
    """A text, a list of named ones, a map of them, and keys that end in template."""
    bad = "{{ x.__class__ }}"
    for value in (
        {"chat_template": bad},
        {"chat_template": [{"name": "a", "template": bad}]},
        {"chat_template": {"default": bad}},
        {"custom_chat_template": bad},
        {"processor": {"chat_template": bad}},
    ):
        assert _rules(value) == {"TEMPLATE-ESCAPE"}
    assert _rules({"chat_template": ""}) == {"TEMPLATE-EMPTY"}
    assert _rules({"template": "no braces", "text": bad}) == set()


def test_more_templates_than_are_read_is_said() -> None:
    """Padding with templates does not hide one."""
    value = {"chat_template": [{"name": str(at), "template": f"{{{{ {at} }}}}"} for at in range(80)]}
    assert [gap.reason for gap in judged(json.dumps(value).encode(), "tokenizer_config.json").gaps] == ["templates"]
