"""What is told of a GGUF file, and of one that is none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.scan.ggufsummary import summarise
from hanse.scan.source import BytesSource


def _text(value: str, length: str = "Q") -> bytes:
    return struct.pack(f"<{length}", len(value)) + value.encode()


def _header(version: int = 3, length: str = "Q") -> bytes:
    tokens = struct.pack(f"<II{length}", 9, 8, 3) + b"".join(_text(one, length) for one in ("<s>", "</s>", "hi"))
    entries = [
        _text("general.architecture", length) + struct.pack("<I", 8) + _text("llama", length),
        _text("tokenizer.ggml.tokens", length) + tokens,
        _text("llama.context_length", length) + struct.pack("<II", 4, 2048),
        _text("tokenizer.ggml.bos_token_id", length) + struct.pack("<II", 4, 0),
        _text("tokenizer.ggml.eos_token_id", length) + struct.pack("<II", 4, 1),
        _text("tokenizer.chat_template", length) + struct.pack("<I", 8) + _text("{{ x }}", length),
    ]
    tensors = [_text(name, length) + struct.pack(f"<I2{length}IQ", 2, 4, 8, 0, 0) for name in ("a", "b")]
    head = b"GGUF" + struct.pack(f"<I2{length}", version, len(tensors), len(entries))
    return head + b"".join(entries) + b"".join(tensors)


@pytest.mark.parametrize(("version", "length"), [(3, "Q"), (1, "I")])
def test_summary(version: int, length: str) -> None:
    """Parameters are counted over all tensors, and special tokens are looked up in the vocabulary."""
    assert summarise(BytesSource(_header(version, length) + bytes(64))) == {
        "total": 64,
        "architecture": "llama",
        "context_length": 2048,
        "chat_template": "{{ x }}",
        "bos_token": "<s>",
        "eos_token": "</s>",
    }


@given(st.integers(0, len(_header()) - 1))
def test_a_header_that_ends_early(end: int) -> None:
    """A header that is not whole has no summary: a partial sum of parameters would be false."""
    assert summarise(BytesSource(_header()[:end])) is None


def test_a_token_that_does_not_exist() -> None:
    """A special token outside the vocabulary is left out."""
    changed = _header().replace(struct.pack("<II", 4, 1), struct.pack("<II", 4, 9))
    found = summarise(BytesSource(changed))
    assert found is not None
    assert "eos_token" not in found
    assert found["bos_token"] == "<s>"
