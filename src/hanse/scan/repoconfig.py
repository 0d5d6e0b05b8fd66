"""A configuration against the weights beside it: what a loader would make up, or fail on, because the two do not belong together.

Only what cannot be otherwise is told, and only as a caution: models differ in what they call things, and most that look odd work.
Number types are not compared: every loader converts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hanse.scan.ruleset import Hit

if TYPE_CHECKING:
    from hanse.scan.repository import Repository

AREA = "repository"
MORE_LAYERS = 8
"""Layers that weights may have beyond the configuration: those that predict further words are not counted there."""
Matrix = tuple[str, int, int, str]


@dataclass(frozen=True)
class Weights:
    """What the weights in a folder have together: length of each stack of layers, and matrices (name, rows, columns, type)."""

    stacks: Mapping[str, int]
    single: tuple[Matrix, ...]


def contradictions(repository: Repository) -> Iterator[Hit]:
    """Yield the rules for a configuration that is not that of the weights beside it."""
    for path, one in repository.observations("hubconfig", "hubconfig.architectures"):
        folder, _, base = path.rpartition("/")
        if base != "config.json" or one.data["path"]:
            continue
        shapes = list(_words(repository, folder))
        for key, wanted, held in _sizes(one.data, shapes, repository.rules.data[AREA]["widths"]):
            yield Hit("REPO-CONFIG-SHAPE", path, words={"path": path, "key": key, "wanted": wanted, "held": held})
        weights = _weights(repository, folder)
        if weights is not None:
            yield from _layers(path, one.data, weights)
            yield from _head(path, one.data, weights, repository.listed("floats"))


def _words(repository: Repository, folder: str) -> Iterator[list[int]]:
    """Yield the shapes of the matrices of words in the weights that a loader takes in a folder, none that are quantised."""
    for path, one in repository.observations("safetensors", "safetensors.embedding"):
        if _taken(path, folder) and one.data["dtype"] in repository.listed("floats"):
            yield one.data["shape"]


def _taken(path: str, folder: str) -> bool:
    """Tell whether a loader takes a file of a folder as the model's weights."""
    own, _, base = path.rpartition("/")
    return own == folder and (base == "model.safetensors" or (base.startswith("model-") and bool(series_of(base))))


def _sizes(config: Mapping[str, Any], shapes: list[list[int]], widths: list[str]) -> Iterator[tuple[str, int, int]]:
    """Yield (key, what the configuration says, what the weights have) where no matrix fits.

    Vocabularies are padded by up to a sixteenth or a thousand rows; the width of embeddings has one of several names.
    """
    words, rows = config.get("vocab_size"), [shape[0] for shape in shapes]
    if rows and type(words) is int and not any(_is_vocabulary(one, words) for one in rows):
        yield "vocab_size", words, rows[0]
    sizes = [size for key in widths if type(size := config.get(key)) is int]
    columns = [shape[1] for shape in shapes]
    if sizes and columns and not set(sizes) & set(columns):
        yield "hidden_size", sizes[0], columns[0]


def _is_vocabulary(rows: int, words: int) -> bool:
    return words <= rows <= words + max(1024, words // 16)


def _weights(repository: Repository, folder: str) -> Weights | None:
    """Return what the weights in a folder have; None where they are not all there, or more than is remembered."""
    found = {
        path: one.data for path, one in repository.observations("safetensors", "safetensors.outline") if _taken(path, folder)
    }
    single = any(path.endswith("model.safetensors") for path in found)
    total = 1 if single else _declared(found)
    if len(found) != total or any(data["more"] for data in found.values()):
        return None
    stacks: dict[str, int] = {}
    for data in found.values():
        for name, length in data["stacks"].items():
            stacks[name] = max(stacks.get(name, 0), length)
    return Weights(
        stacks, tuple((name, rows, columns, kind) for data in found.values() for name, rows, columns, kind in data["single"])
    )


def _declared(found: Mapping[str, object]) -> int:
    """Return how many shards the names of shards speak of; 0 where they do not agree."""
    totals = {path.rpartition("-of-")[2].partition(".")[0] for path in found}
    total = totals.pop() if len(totals) == 1 else ""
    return int(total) if total.isascii() and total.isdigit() and len(total) <= 6 else 0


def _layers(path: str, config: Mapping[str, Any], weights: Weights) -> Iterator[Hit]:
    """Yield the rule for weights that have no stack of as many layers as the configuration says.

    A stack of one says nothing: some models use one layer many times.
    """
    wanted = config.get("num_hidden_layers")
    lengths = [length for length in weights.stacks.values() if length > 1]
    if type(wanted) is not int or wanted < 1 or not lengths or "num_hidden_groups" in config:
        return
    if not any(wanted <= length <= wanted + MORE_LAYERS for length in lengths):
        yield Hit("REPO-CONFIG-LAYERS", path, words={"path": path, "wanted": wanted, "held": max(lengths)})


def _head(path: str, config: Mapping[str, Any], weights: Weights, floats: frozenset[str]) -> Iterator[Hit]:
    """Yield the rule for a language model with an output of its own, of which the weights have none.

    Told only where all matrices outside of layers are plain numbers and just one of them has a row for each word.
    """
    words, named = config.get("vocab_size"), [str(one) for one in config.get("architectures", [])]
    if config.get("tie_word_embeddings") is not False or type(words) is not int or "quantised" in config:
        return
    if not any(name.endswith("ForCausalLM") for name in named) or any(kind not in floats for _, _, _, kind in weights.single):
        return
    fitting = [name for name, rows, columns, _ in weights.single if _is_vocabulary(rows, words) or _is_vocabulary(columns, words)]
    if len(fitting) == 1:
        yield Hit("REPO-CONFIG-HEAD", path, words={"path": path, "name": fitting[0]})


def series_of(path: str) -> str:
    """Return a shard's name without its number: `model-#-of-00002.safetensors`; empty if it is none."""
    stem, mark, rest = path.rpartition("-of-")
    digits = stem.rpartition("-")
    return f"{digits[0]}-#{mark}{rest}" if mark and digits[2].isdigit() and digits[2].isascii() else ""
