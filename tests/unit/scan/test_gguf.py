"""GGUF headers checked against the format and the file."""

from __future__ import annotations

import struct

import pytest
from tests.samples.texts import CHATML, gguf, zipped
from tests.support.judging import judged, rules_of

from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource

HEAD = b"GGUF" + struct.pack("<I", 3)


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _tensor(*numbers: int, name: str = "t", kind: int = 0, offset: int = 0) -> bytes:
    return _text(name) + struct.pack(f"<I{len(numbers)}QIQ", len(numbers), *numbers, kind, offset)


def _one(*numbers: int, kind: int = 0, offset: int = 0, data: int = 256) -> bytes:
    return HEAD + struct.pack("<QQ", 1, 0) + _tensor(*numbers, kind=kind, offset=offset) + bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GGUF", "version"),
        (b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "does not exist"),
        (HEAD + struct.pack("<QQ", 1 << 62, 0), "number of tensors"),
        (HEAD + struct.pack("<QQ", 0, 1 << 62), "number of metadata"),
        (HEAD + struct.pack("<QQ", 0, 70_000) + bytes(80_000), "70000 metadata entries"),
        (HEAD + struct.pack("<QQQ", 0, 1, 1 << 63), "length of a key"),
        (HEAD + struct.pack("<QQQ", 0, 1, 0) + bytes(30), "no key"),
        (HEAD + struct.pack("<QQ", 0, 1) + _text("a") + struct.pack("<I", 13), "unknown type 13"),
        (HEAD + struct.pack("<QQ", 0, 1) + _text("a") + struct.pack("<IIQ", 9, 13, 1) + bytes(9), "items of the unknown type"),
        (HEAD + struct.pack("<QQ", 0, 1) + _text("a") + struct.pack("<IIQ", 9, 4, 40), "ends within"),
        (HEAD + struct.pack("<QQ", 0, 1) + _text("a") + struct.pack("<IIQ", 9, 8, 40) + bytes(8), "ends within"),
        (
            HEAD + struct.pack("<QQ", 0, 1) + _text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9 + bytes(99),
            "nested too deep",
        ),
        (gguf({"general.alignment": 24}), "power of two"),
        (gguf({"general.alignment": 0}), "power of two"),
        (_one(1, 1, 1, 1, 1), "5 dimensions"),
        (_one(64, data=64), "outside"),
        (_one(1, offset=8), "not aligned"),
        (_one(33, kind=2), "blocks of 32"),
        (HEAD + struct.pack("<QQ", 2, 0) + _tensor(8) + _tensor(8, name="u") + bytes(99), "overlaps"),
    ],
)
def test_each_rule_of_the_format(data: bytes, reason: str) -> None:
    """What C readers must refuse is suspicious, and the reason says which rule."""
    found = judged(data, "model.gguf")
    assert rules_of(found) == {"GGUF-MALFORMED"}
    assert reason in found.findings[0].says


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40), (1 << 62, 2), (1 << 61,), (0xFFFFFFFFFFFFFFFF, 1)])
def test_sizes_that_overflow_name_the_advisories(shape: tuple[int, ...]) -> None:
    """CVE-2025-53630 and CVE-2026-27940: products and sizes beyond 63 bits."""
    found = judged(_one(*shape), "model.gguf")
    assert rules_of(found) == {"GGUF-OVERFLOW"}
    assert "CVE-2026-27940" in found.findings[0].refs


def test_duplicates_trailing_data_and_unknown_types() -> None:
    """Readers differ on the first two; the third needs a newer scanner."""
    twice = HEAD + struct.pack("<QQ", 0, 2) + 2 * (_text("a") + struct.pack("<II", 4, 1))
    assert rules_of(judged(twice, "m.gguf")) == {"GGUF-DUPLICATE"}
    assert "GGUF-TRAILING" in rules_of(judged(gguf({}) + zipped("a", b"b" * 64), "m.gguf"))
    assert rules_of(judged(_one(8, kind=99), "m.gguf")) == {"GGUF-TYPE"}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_all_versions_in_both_byte_orders(version: int, order: str) -> None:
    """The same header reads the same; version 1 has 32-bit lengths and dimensions."""
    wide = "I" if version == 1 else "Q"
    key = "tokenizer.chat_template"
    data = b"GGUF" + struct.pack(f"{order}I{wide}{wide}", version, 1, 2)
    data += (
        struct.pack(f"{order}{wide}", len(key)) + key.encode() + struct.pack(f"{order}I{wide}", 8, len(CHATML)) + CHATML.encode()
    )
    data += (
        struct.pack(f"{order}{wide}", 1)
        + b"k"
        + struct.pack(f"{order}II{wide}", 9, 8, 3)
        + 3 * (struct.pack(f"{order}{wide}", 1) + b"x")
    )
    data += struct.pack(f"{order}{wide}", 1) + b"t" + struct.pack(f"{order}I{wide}IQ", 1, 8, 0, 0)
    data += bytes(-len(data) % 32 + 32)
    facts = extract(BytesSource(data))
    (view,) = facts.of("gguf")
    assert view.stopped is None
    assert view.first("gguf.malformed") is None
    assert [one.member for one in facts.of("template")] == [key]


def test_a_vocabulary_is_passed_over_quickly() -> None:
    """A quarter of a million texts cost some operations each, and what follows them is read."""
    data = gguf({"tokenizer.ggml.tokens": ["token"] * 250_000, "tokenizer.chat_template.x": "{{ a.__class__ }}"})
    assert rules_of(judged(data, "m.gguf")) == {"TEMPLATE-ESCAPE"}


def test_every_cut_is_noticed() -> None:
    """A header that ends early is malformed wherever it ends."""
    whole = gguf({"general.name": "x", "tokenizer.ggml.tokens": ["a", "b"]})
    for at in range(4, len(whole) - 160, 7):
        assert judged(whole[:at], "m.gguf").verdict.value == "suspicious"
