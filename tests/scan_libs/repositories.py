"""Whole repositories of tiny models and data sets, as the real libraries write them; nothing here reads a model file.

`python -m tests.scan_libs.repositories FOLDER PART ...` writes one folder for each repository of the parts (`transformers`,
`custom`, `sentence`, `sklearn`, `datasets`) whose libraries this environment has, and prints a line for each that failed.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

Repo = tuple[str, Callable[[Path], object]]
"""Name of a repository, and what writes it into a folder."""
SMALL = {
    "vocab_size": 96, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64,
}  # fmt: skip
CAUSAL = {**SMALL, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GPT2 = {"vocab_size": 96, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "bos_token_id": 1, "eos_token_id": 2}
T5 = {"vocab_size": 96, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}
BART = {
    "vocab_size": 96, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": None,
}  # fmt: skip
WHISPER = {
    **BART,
    "num_mel_bins": 8,
    "max_source_positions": 32,
    "max_target_positions": 32,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}
MODELS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Bert", "BertForMaskedLM", SMALL),
    ("Bert", "BertForSequenceClassification", SMALL),
    ("Bert", "BertForTokenClassification", SMALL),
    ("Roberta", "RobertaForMaskedLM", SMALL),
    (
        "DistilBert",
        "DistilBertForSequenceClassification",
        {"vocab_size": 96, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    ),
    ("Electra", "ElectraForPreTraining", {**SMALL, "embedding_size": 16}),
    ("Albert", "AlbertForMaskedLM", {**SMALL, "embedding_size": 8}),
    ("MPNet", "MPNetForMaskedLM", SMALL),
    ("DebertaV2", "DebertaV2ForSequenceClassification", SMALL),
    ("XLMRoberta", "XLMRobertaForQuestionAnswering", SMALL),
    (
        "ModernBert",
        "ModernBertForMaskedLM",
        {**SMALL, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
    ),
    ("GPT2", "GPT2LMHeadModel", GPT2),
    ("GPTNeoX", "GPTNeoXForCausalLM", {**SMALL, "bos_token_id": 1, "eos_token_id": 2}),
    (
        "OPT",
        "OPTForCausalLM",
        {
            "vocab_size": 96,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "word_embed_proj_dim": 16,
            "max_position_embeddings": 64,
        },
    ),
    ("Bloom", "BloomForCausalLM", {"vocab_size": 96, "hidden_size": 16, "n_layer": 2, "n_head": 2}),
    ("Llama", "LlamaForCausalLM", CAUSAL),
    ("Mistral", "MistralForCausalLM", CAUSAL),
    ("Mixtral", "MixtralForCausalLM", {**CAUSAL, "num_local_experts": 2}),
    ("Qwen2", "Qwen2ForCausalLM", CAUSAL),
    ("Qwen3", "Qwen3ForCausalLM", CAUSAL),
    ("Gemma", "GemmaForCausalLM", CAUSAL),
    ("Gemma2", "Gemma2ForCausalLM", CAUSAL),
    ("Phi", "PhiForCausalLM", {**SMALL, "bos_token_id": 1, "eos_token_id": 2}),
    ("Phi3", "Phi3ForCausalLM", {**CAUSAL, "rope_scaling": None}),
    ("StableLm", "StableLmForCausalLM", CAUSAL),
    ("Falcon", "FalconForCausalLM", {"vocab_size": 96, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}),
    ("Mamba", "MambaForCausalLM", {"vocab_size": 96, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}),
    ("T5", "T5ForConditionalGeneration", T5),
    ("MT5", "MT5ForConditionalGeneration", T5),
    ("Bart", "BartForConditionalGeneration", BART),
    ("Marian", "MarianMTModel", BART),
    ("Whisper", "WhisperForConditionalGeneration", WHISPER),
    ("ViT", "ViTForImageClassification", VISION),
    ("Dinov2", "Dinov2Model", VISION),
    (
        "ResNet",
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    ),
    ("CLIP", "CLIPModel", {"text_config": SMALL, "vision_config": VISION, "projection_dim": 16}),
    (
        "Wav2Vec2",
        "Wav2Vec2ForCTC",
        {
            **SMALL,
            "conv_dim": [8],
            "conv_stride": [5],
            "conv_kernel": [10],
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
        },
    ),
)
"""Architecture, model class and the numbers that make it tiny."""
CHAT = "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}</s>\n{% endfor %}<|assistant|>\n"
CARD = """---
license: apache-2.0
language: [en]
tags: [text-generation]
---
# A tiny model
Use it with `transformers`:
```python
from transformers import pipeline
print(pipeline("text-generation", model="hanse/tiny")("Once upon"))
```
"""


def _texts() -> list[str]:
    return ["the quick brown fox jumps over the lazy dog", "once upon a time there was a model", "numbers 0 1 2 3 4 5 6 7 8 9"]


def _tokenizer(kind: str) -> Any:
    """Return a trained tiny tokenizer: word pieces, byte pairs, or unigrams."""
    library = import_module("tokenizers")
    special = ["[PAD]", "<s>", "</s>", "[UNK]", "[MASK]"]
    if kind == "pieces":
        inner = library.Tokenizer(library.models.WordPiece(unk_token="[UNK]"))
        trainer = library.trainers.WordPieceTrainer(vocab_size=96, special_tokens=special, show_progress=False)
    elif kind == "pairs":
        inner = library.Tokenizer(library.models.BPE(unk_token="[UNK]"))
        trainer = library.trainers.BpeTrainer(vocab_size=96, special_tokens=special, show_progress=False)
    else:
        inner = library.Tokenizer(library.models.Unigram())
        trainer = library.trainers.UnigramTrainer(vocab_size=96, special_tokens=special, unk_token="[UNK]", show_progress=False)
    inner.pre_tokenizer = library.pre_tokenizers.Whitespace()
    inner.train_from_iterator(_texts() * 4, trainer)
    fast = import_module("transformers").PreTrainedTokenizerFast
    return fast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", bos_token="<s>", eos_token="</s>")


def _save(folder: Path, config: str, model: str, numbers: dict[str, Any], **options: Any) -> None:
    """Write a model with its tokenizer and card, as its author would."""
    library = import_module("transformers")
    made = getattr(library, model)(getattr(library, f"{config}Config")(**numbers))
    as_pickle = options.pop("pickled", False)
    made.save_pretrained(folder, **options)
    if as_pickle:
        import_module("torch").save(made.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink(missing_ok=True)
    if "vocab_size" in numbers:
        tokenizer = _tokenizer(("pieces", "pairs", "unigrams")[len(model) % 3])
        if "Causal" in model or "LMHead" in model:
            tokenizer.chat_template = CHAT
        tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n", encoding="utf-8")


def transformers() -> Iterator[Repo]:
    """Yield a repository for each architecture, some of them as pickles, some in shards, some with what training leaves."""
    for config, model, numbers in MODELS:
        yield model, partial(_save, config=config, model=model, numbers=numbers)
    for config, model, numbers in (MODELS[0], MODELS[11], MODELS[15], MODELS[27]):
        yield f"{model}-bin", partial(_save, config=config, model=model, numbers=numbers, pickled=True)
        yield f"{model}-shards", partial(_save, config=config, model=model, numbers=numbers, max_shard_size="6KB")
    yield "trained", _trained


def _trained(folder: Path) -> None:
    """Write what a Trainer leaves in its output folder beside the model."""
    library, torch = import_module("transformers"), import_module("torch")
    _save(folder, *MODELS[1])
    torch.save(library.TrainingArguments(output_dir="out", report_to=[]), folder / "training_args.bin")
    (folder / "trainer_state.json").write_text(json.dumps({"epoch": 1.0, "log_history": [{"loss": 0.5, "step": 1}]}), "utf-8")
    (folder / "all_results.json").write_text(json.dumps({"eval_accuracy": 0.9}), encoding="utf-8")
    torch.save(torch.get_rng_state(), folder / "rng_state.pth")
    parameter = torch.nn.Parameter(torch.ones(2))
    torch.save(torch.optim.AdamW([parameter]).state_dict(), folder / "optimizer.pt")


OWN = (
    ("bert", "Bert", "BertForMaskedLM", SMALL),
    ("llama", "Llama", "LlamaForCausalLM", CAUSAL),
    ("gpt2", "GPT2", "GPT2LMHeadModel", GPT2),
)


def custom() -> Iterator[Repo]:
    """Yield repositories that bring their own modelling code: the library's own, copied."""
    for name, config, model, numbers in OWN:
        yield f"custom-{name}", partial(_custom, name=name, config=config, model=model, numbers=numbers)


def _custom(folder: Path, name: str, config: str, model: str, numbers: dict[str, Any]) -> None:
    _save(folder, config, model, numbers)
    source = Path(str(import_module(f"transformers.models.{name}").__file__)).parent
    for file in (f"modeling_{name}.py", f"configuration_{name}.py"):
        text = (
            (source / file).read_text("utf-8").replace("from ...", "from transformers.").replace("from ..", "from transformers.")
        )
        (folder / file).write_text(text, encoding="utf-8")
    path = folder / "config.json"
    written = json.loads(path.read_text("utf-8"))
    written["auto_map"] = {"AutoConfig": f"configuration_{name}.{config}Config", "AutoModel": f"modeling_{name}.{model}"}
    path.write_text(json.dumps(written, indent=2), encoding="utf-8")


def sentence() -> Iterator[Repo]:
    """Yield what sentence-transformers writes: an embedding model with and without a dense layer, and a cross encoder."""
    library = import_module("sentence_transformers")
    models = import_module("sentence_transformers.models")

    def embedder(folder: Path, *, dense: bool) -> None:
        plain = folder.with_name(folder.name + ".plain")
        _save(plain, "Bert", "BertModel", SMALL)
        first = models.Transformer(str(plain))
        modules = [first, models.Pooling(16)] + ([models.Dense(16, 8)] if dense else [models.Normalize()])
        library.SentenceTransformer(modules=modules).save_pretrained(str(folder))
        shutil.rmtree(plain)

    yield "sentence", lambda folder: embedder(folder, dense=False)
    yield "sentence-dense", lambda folder: embedder(folder, dense=True)


def sklearn() -> Iterator[Repo]:
    """Yield scikit-learn repositories: an estimator by pickle, joblib or skops, with its card."""
    ensemble, linear = import_module("sklearn.ensemble"), import_module("sklearn.linear_model")
    rows, labels = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [1.0, 1.0]], [0, 1, 0, 1]
    forest = ensemble.RandomForestClassifier(3).fit(rows, labels)
    line = linear.LogisticRegression().fit(rows, labels)

    def write(folder: Path, name: str, save: Callable[[Path], object]) -> None:
        folder.mkdir(parents=True)
        save(folder / name)
        (folder / "README.md").write_text(CARD, encoding="utf-8")
        (folder / "requirements.txt").write_text("scikit-learn==1.9.1\njoblib\nnumpy>=2\n", encoding="utf-8")
        told = {"sklearn": {"columns": ["a", "b"], "model": {"file": name}, "task": "tabular-classification"}}
        (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")

    dumps = import_module("pickle").dumps
    yield "sklearn-joblib", lambda folder: write(folder, "model.joblib", lambda path: import_module("joblib").dump(forest, path))
    yield "sklearn-pickle", lambda folder: write(folder, "model.pkl", lambda path: path.write_bytes(dumps(line)))
    yield "sklearn-skops", lambda folder: write(folder, "model.skops", lambda path: import_module("skops.io").dump(line, path))


def datasets() -> Iterator[Repo]:
    """Yield data sets: CSV, JSON Lines and Parquet, each with its card."""
    rows = [{"text": f"row {number}", "label": number % 2, "score": number / 7} for number in range(200)]
    card = "---\nconfigs:\n- config_name: default\n  data_files: data/*\n---\n# Data\nRows of text with a label.\n"

    def write(folder: Path, name: str, save: Callable[[Any, Path], object]) -> None:
        (folder / "data").mkdir(parents=True)
        (folder / "README.md").write_text(card, encoding="utf-8")
        for split in ("train", "test"):
            save(import_module("pandas").DataFrame(rows), folder / "data" / name.replace("*", split))

    yield "data-csv", lambda folder: write(folder, "*.csv", lambda frame, path: frame.to_csv(path, index=False))
    yield (
        "data-json",
        lambda folder: write(folder, "*.jsonl", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
    )
    yield "data-array", lambda folder: write(folder, "*.json", lambda frame, path: frame.to_json(path, orient="records"))
    yield "data-parquet", lambda folder: write(folder, "*-00000-of-00001.parquet", lambda frame, path: frame.to_parquet(path))


PARTS = {one.__name__: one for one in (transformers, custom, sentence, sklearn, datasets)}


def main(folder: Path, parts: list[str]) -> None:
    """Write the repositories of the parts below `folder`."""
    warnings.simplefilter("ignore")
    for part in parts:
        for name, write in PARTS[part]():
            try:
                write(folder / name)
            except Exception as error:  # noqa: BLE001 - a library that cannot make one repository makes the others
                shutil.rmtree(folder / name, ignore_errors=True)
                print(f"not made: {name}: {type(error).__name__}: {error}"[:300], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
