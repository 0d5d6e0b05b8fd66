"""Tensors against their storages."""

from __future__ import annotations

import pytest
from tests.samples.pickle import imported, stream, text
from tests.support.pickles import seen

STORAGE = b"(" + text("storage") + imported("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x08tQ"


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (b"K\x00K\x02K\x04\x86K\x04K\x01\x86", None),
        (b"K\x01K\x02K\x04\x86K\x04K\x01\x86", "the tensor reaches beyond its storage"),
        (b"K\xffK\x00\x85K\x01\x85", None),
        (b"J\xff\xff\xff\xffK\x01\x85K\x01\x85", "negative offset, size or stride"),
        (b"K\x00J\xff\xff\xff\xff\x85K\x01\x85", "negative offset, size or stride"),
        (b"K\x00K\x01\x85)", "size and stride differ in length"),
        (b"NK\x01\x85K\x01\x85", "offset, size and stride are not plain integers"),
        (b"K\x00N\x85K\x01\x85", "offset, size and stride are not plain integers"),
        (b"K\x00", "too few arguments"),
        (b"K\x00))", None),
    ],
)
def test_layouts(rest: bytes, reason: str | None) -> None:
    """Offset, size and stride have to be plain and to stay inside the storage."""
    data = stream(imported("torch._utils", "_rebuild_tensor_v2") + b"(" + STORAGE + rest + b"tR")
    assert [one["reason"] for one in seen(data, "tensor")] == ([reason] if reason else [])
