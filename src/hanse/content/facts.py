"""What listings say about a repository, derived from its files' names, its card and its configuration files.

Everything here comes from strangers: values of unexpected types are passed over, texts and lists are bounded, nothing raises.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hanse.content.card import texts
from hanse.content.hubwords import LIBRARIES, TASKS

MAX_TAGS = 500
MAX_TAG = 200
MAX_WORD = 96
_HEAD = (
    ("ForCausalLM", "text-generation"),
    ("ForConditionalGeneration", "text2text-generation"),
    ("ForMaskedLM", "fill-mask"),
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForMultipleChoice", "multiple-choice"),
    ("ForImageClassification", "image-classification"),
    ("ForObjectDetection", "object-detection"),
    ("ForSemanticSegmentation", "image-segmentation"),
    ("ForCTC", "automatic-speech-recognition"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition"),
    ("ForAudioClassification", "audio-classification"),
    ("ForDepthEstimation", "depth-estimation"),
)
_AUTO = {
    "text-generation": "AutoModelForCausalLM",
    "text2text-generation": "AutoModelForSeq2SeqLM",
    "fill-mask": "AutoModelForMaskedLM",
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "multiple-choice": "AutoModelForMultipleChoice",
    "image-classification": "AutoModelForImageClassification",
    "object-detection": "AutoModelForObjectDetection",
    "image-segmentation": "AutoModelForSemanticSegmentation",
    "audio-classification": "AutoModelForAudioClassification",
    "depth-estimation": "AutoModelForDepthEstimation",
}
_FORMATS = (
    ("pytorch", ("pytorch_model.bin", "pytorch_model.bin.index.json")),
    ("tf", ("tf_model.h5", "tf_model.h5.index.json")),
    ("jax", ("flax_model.msgpack", "flax_model.msgpack.index.json")),
)
_SUFFIXES = (("safetensors", ".safetensors"), ("gguf", ".gguf"), ("onnx", ".onnx"), ("coreml", ".mlmodel"))
_DATA = (
    ("parquet", (".parquet",)),
    ("json", (".json", ".jsonl", ".jsonl.gz", ".jsonl.zst")),
    ("csv", (".csv", ".tsv")),
    ("arrow", (".arrow",)),
    ("webdataset", (".tar",)),
    ("text", (".txt",)),
)
_MARKERS = (
    ("sentence-transformers", "config_sentence_transformers.json"),
    ("sentence-transformers", "modules.json"),
    ("diffusers", "model_index.json"),
    ("peft", "adapter_config.json"),
    ("timm", "pytorch_image_models.json"),
    ("keras", "keras_metadata.pb"),
    ("mlx-lm", "mlx.json"),
)
_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "mask_token")
CONFIG_FILES = ("config.json", "tokenizer_config.json", "model_index.json", "adapter_config.json", "chat_template.jinja")
"""Small files whose content counts, as far as a repository has them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Derived fields of a repository, as listings show them; config: a small subset of the configuration files."""

    tags: tuple[str, ...]
    pipeline_tag: str | None
    library_name: str | None
    config: Mapping[str, Any]


def word(value: Any, most: int = MAX_WORD) -> str | None:
    """Return a text without control characters and at most `most` characters long, or None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= most and value.isprintable() else None


def model_facts(paths: Collection[str], card: Mapping[str, Any], body: str, config: Mapping[str, Any]) -> Facts:
    """Return the facts of a model. paths: of all files; card, body: of README.md; config: of `config_subset`."""
    architectures = texts(config.get("architectures"))
    library = _library(paths, card, config)
    task = _task(card, architectures, library)
    found: list[Any] = [library, *_formats(paths), config.get("model_type"), task]
    found += [*texts(card.get("tags")), *_references(card, body)]
    found += ["custom_code"] if "auto_map" in config else []
    found += ["conversational"] if "chat_template" in _mapping(config.get("tokenizer_config")) else []
    return Facts(_tags(found), task, library, config)


def dataset_facts(paths: Collection[str], card: Mapping[str, Any], body: str) -> Facts:
    """Return the facts of a dataset; arguments as in `model_facts`."""
    found: list[Any] = []
    for key in ("task_categories", "task_ids", "annotations_creators", "language_creators", "multilinguality", "source_datasets"):
        found += [f"{key}:{one}" for one in texts(card.get(key))]
    found += [f"language:{one}" for one in texts(card.get("language"))]
    found += [f"license:{one}" for one in texts(card.get("license"))]
    found += [f"size_categories:{one}" for one in texts(card.get("size_categories"))]
    found += [f"format:{name}" for name, ends in _DATA if any(_is_data(path, ends) for path in paths)]
    found += [f"arxiv:{one}" for one in arxiv_ids(body)]
    found += texts(card.get("tags"))
    return Facts(_tags(found), None, None, {})


def _is_data(path: str, ends: tuple[str, ...]) -> bool:
    return path.lower().endswith(ends) and not path.endswith(("dataset_infos.json", "config.json"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _library(paths: Collection[str], card: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    named = word(card.get("library_name"))
    if named is not None:
        return named
    for library, marker in _MARKERS:
        if marker in paths:
            return library
    tagged = [one for one in texts(card.get("tags")) if one in LIBRARIES]
    if tagged:
        return tagged[0]
    known = "model_type" in config or "auto_map" in config or "architectures" in config
    return "transformers" if known else None


def _task(card: Mapping[str, Any], architectures: list[str], library: str | None) -> str | None:
    named = word(card.get("pipeline_tag"))
    if named is not None:
        return named
    tagged = [one for one in texts(card.get("tags")) if one in TASKS and one != "other"]
    if tagged:
        return tagged[0]
    for architecture in architectures:
        for end, task in _HEAD:
            if architecture.endswith(end):
                return task
    if library == "sentence-transformers":
        return "sentence-similarity"
    bare = architectures and library == "transformers" and architectures[0].endswith("Model")
    return "feature-extraction" if bare else None


def _formats(paths: Collection[str]) -> Iterator[str]:
    for name, files in _FORMATS:
        if any(file in paths for file in files):
            yield name
    for name, end in _SUFFIXES:
        if any(path.endswith(end) for path in paths):
            yield name


def _references(card: Mapping[str, Any], body: str) -> list[str]:
    found = [f"dataset:{one}" for one in texts(card.get("datasets"))]
    found += texts(card.get("language"))
    found += [f"arxiv:{one}" for one in arxiv_ids(body)]
    bases = texts(card.get("base_model"))
    relation = word(card.get("base_model_relation"))
    found += [f"base_model:{one}" for one in bases]
    found += [f"base_model:{relation}:{one}" for one in bases if relation]
    found += [f"license:{one}" for one in texts(card.get("license"))]
    return found


def _tags(found: list[Any]) -> tuple[str, ...]:
    kept = dict.fromkeys(tag for one in found if (tag := word(one, MAX_TAG)) is not None)
    return tuple(kept)[:MAX_TAGS]


def arxiv_ids(body: str) -> list[str]:
    """Return the arXiv numbers linked in a card, in order, each once, at most 50."""
    found: dict[str, None] = {}
    for part in body[: 4 * 1024 * 1024].split("arxiv.org/")[1:]:
        _, _, rest = part[:24].partition("/")
        number = rest[:10].rstrip("vV).,]/ \n")
        left, dot, right = number.partition(".")
        if dot and len(left) == 4 and left.isascii() and left.isdigit() and right[:5].isascii() and right[:4].isdigit():
            found[f"{left}.{''.join(char for char in right[:5] if char.isdigit())}"] = None
        if len(found) == 50:
            break
    return list(found)


def config_subset(files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the configuration files that the API shows; files: name -> parsed JSON, or text of a template."""
    config = _mapping(files.get("config.json"))
    found: dict[str, Any] = {}
    architectures = [name for one in texts(config.get("architectures"))[:20] if (name := word(one, 200))]
    if architectures:
        found["architectures"] = architectures
    if word(config.get("model_type")):
        found["model_type"] = config["model_type"]
    auto_map = {str(key)[:96]: value for key, value in list(_mapping(config.get("auto_map")).items())[:50] if word(value, 200)}
    if auto_map:
        found["auto_map"] = auto_map
    method = word(_mapping(config.get("quantization_config")).get("quant_method"))
    if method:
        found["quantization_config"] = {"quant_method": method}
    tokenizer = _tokenizer(files)
    if tokenizer:
        found["tokenizer_config"] = tokenizer
    for name, key in (("model_index.json", "diffusers"), ("adapter_config.json", "peft")):
        part = _mapping(files.get(name))
        shown = part.get("_class_name") if key == "diffusers" else part.get("base_model_name_or_path")
        if word(shown, 200):
            found[key] = {"_class_name" if key == "diffusers" else "base_model_name_or_path": shown}
    return found


def _tokenizer(files: Mapping[str, Any]) -> dict[str, Any]:
    raw = _mapping(files.get("tokenizer_config.json"))
    found: dict[str, Any] = {}
    for name in _TOKENS:
        value = raw.get(name)
        text = value.get("content") if isinstance(value, Mapping) else value
        if isinstance(text, str) and 0 < len(text) <= 200:
            found[name] = text
    template = files.get("chat_template.jinja", raw.get("chat_template"))
    if isinstance(template, str) and 0 < len(template) <= 64 * 1024:
        found["chat_template"] = template
    return found


def transformers_info(config: Mapping[str, Any], pipeline_tag: str | None) -> dict[str, str] | None:
    """Return the API's `transformersInfo` for a model that transformers loads, else None."""
    if "architectures" not in config and "auto_map" not in config:
        return None
    info = {"auto_model": "AutoModel"}
    for architecture in texts(config.get("architectures")):
        for end, task in _HEAD:
            if architecture.endswith(end) and task in _AUTO:
                info = {"auto_model": _AUTO[task], "pipeline_tag": pipeline_tag or task}
                break
    if "tokenizer_config" in config:
        info["processor"] = "AutoTokenizer"
    return info
