"""Headers of safetensors files: parameter counts without reading tensors.

Format: u64 little-endian header length, then that many bytes of JSON: tensor name -> dtype, shape, data_offsets, and
optionally `__metadata__` (https://huggingface.co/docs/safetensors). Only the header is ever read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from hanse.errors import BadFormat

PREFIX = 8
MAX_HEADER = 25 * 1024 * 1024
"""Longest header that is parsed; the format's own libraries stop at 100 MB."""
MAX_TENSORS = 500_000
MAX_VALUES = 1_000_000
"""Bounds what a header is in memory: `[],[],…` takes 22 times its bytes."""
_LENGTH = struct.Struct("<Q")
_MAX_PARAMETERS = 1 << 60


def header_length(prefix: bytes, file_size: int) -> int:
    """Return the header's length in bytes, given the file's first 8 bytes; raises BadFormat if it cannot be."""
    if len(prefix) != PREFIX:
        raise BadFormat(f"a safetensors file starts with {PREFIX} bytes of length, got {len(prefix)}")
    (length,) = _LENGTH.unpack(prefix)
    if not 2 <= length <= min(MAX_HEADER, file_size - PREFIX):
        raise BadFormat(f"a safetensors header has 2 to {MAX_HEADER} bytes and ends inside the file, got {length}")
    return cast("int", length)


def parse_header(raw: bytes) -> dict[str, Any]:
    """Return the header's JSON object; raises BadFormat unless every tensor has dtype, shape and data_offsets."""
    _check_values(raw)
    try:
        header = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise BadFormat("the safetensors header is not valid JSON") from error
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise BadFormat(f"a safetensors header is an object of at most {MAX_TENSORS} tensors")
    for name, tensor in header.items():
        if name != "__metadata__" and not _is_tensor(tensor):
            raise BadFormat(f"tensor {name[:80]!r} of the safetensors header has no proper dtype, shape and data_offsets")
    return header


def _check_values(raw: bytes) -> None:
    """Raise BadFormat if JSON may hold more than MAX_VALUES values (commas inside texts count as well)."""
    if sum(map(raw.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadFormat(f"a safetensors header or index has at most {MAX_VALUES} values")


def _is_tensor(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("dtype"), str)
        and len(value["dtype"]) <= 32
        and _whole_numbers(value.get("shape"), 64)
        and _whole_numbers(value.get("data_offsets"), 2)
        and len(value["data_offsets"]) == 2
    )


def _whole_numbers(value: Any, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def count_parameters(headers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return dtype -> number of parameters over all headers, biggest dtype first; counts stop at 2^60."""
    counts: dict[str, int] = {}
    for header in headers:
        for name, tensor in header.items():
            if name != "__metadata__":
                product = min(math.prod(tensor["shape"]), _MAX_PARAMETERS)
                counts[tensor["dtype"]] = min(counts.get(tensor["dtype"], 0) + product, _MAX_PARAMETERS)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def parse_index(raw: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return (the index without its weight map, the shard file names in order); raises BadFormat.

    Format: JSON with `metadata` and `weight_map`, tensor name -> file name beside the index.
    """
    _check_values(raw)
    try:
        index = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise BadFormat("the safetensors index is not valid JSON") from error
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise BadFormat("a safetensors index is an object with a `weight_map` of tensor names to file names")
    rest = {name: value for name, value in index.items() if name != "weight_map"}
    return rest, tuple(dict.fromkeys(weight_map.values()))
