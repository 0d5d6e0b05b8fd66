"""Engines of this project under settings that other institutions may have, for `gaps.py`: run by it in the engines' environments.

    python gaps_engine.py ENGINE SETTING MODEL < requests > answers

Requests and answers are JSON lines: a body as an engine takes it, with a `key` that comes back.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

JOBS = Path(__file__).resolve().parents[2] / "src" / "hanse" / "jobs"


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, JOBS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def llama(setting: str, model: str) -> Any:
    """Return llama.cpp under a setting: usual, threads2, kv-f32, kv-q8 (with flash attention), flash, batch16."""
    import xllamacpp

    found, server = _module("engine_llama"), xllamacpp.Server

    def adjusted(params: Any) -> Any:
        kinds, on = xllamacpp.ggml_type, xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if setting.startswith("kv-"):
            kind = {"kv-f32": kinds.GGML_TYPE_F32, "kv-q8": kinds.GGML_TYPE_Q8_0}[setting]
            params.cache_type_k = params.cache_type_v = kind
        if setting in {"flash", "kv-q8"}:
            params.flash_attn_type = on
        if setting == "batch16":
            params.n_batch = params.n_ubatch = 16
        return server(params)

    xllamacpp.Server = adjusted
    return found.load({"model": model, "threads": 2 if setting == "threads2" else 1, "context": 1024})


def torch(setting: str, model: str) -> Any:
    """Return PyTorch under a setting: fp32-eager (the usual one), fp32-sdpa, bf16-eager, bf16-sdpa."""
    import torch as library
    import transformers

    kind, attention = setting.split("-")
    found, loader = _module("engine_transformers"), transformers.AutoModelForCausalLM
    original = loader.from_pretrained

    def adjusted(*given: Any, **options: Any) -> Any:
        options |= {"dtype": library.bfloat16 if kind == "bf16" else library.float32, "attn_implementation": attention}
        return original(*given, **options)

    loader.from_pretrained = adjusted
    return found.load({"model": model, "threads": 1, "context": 1024})


def answered(engine: Any, said: dict[str, Any]) -> dict[str, Any]:
    """Return the tokens, text and prompt that an engine answers with, or the gaps of tokens that it is made to say."""
    if "force" in said:
        return dict(engine.force(said))
    found = engine.answer(said)
    choice = found["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    content = choice["logprobs"]["content"]
    told = {"tokens": [int(one["id"]) for one in content], "logprobs": [float(one.get("logprob", "nan")) for one in content]}
    return told | {"text": text, "rendered": found["__verbose"]["prompt"]}


def main() -> None:
    """Answer every request; what an engine refuses is answered with why."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    kind, setting, model = sys.argv[1:4]
    engine = llama(setting, model) if kind == "llama" else torch(setting, model)
    for line in sys.stdin:
        said = json.loads(line)
        key = said.pop("key")
        try:
            found = answered(engine, said)
        except Exception as error:  # noqa: BLE001 whatever it is, it is one answer that is missing
            found = {"failed": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps({"key": key} | found) + "\n")
        out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
