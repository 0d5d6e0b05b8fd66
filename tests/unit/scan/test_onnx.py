"""ONNX models are told by content and judged by what they read and run."""

from __future__ import annotations

import pytest
from tests.samples.graphs import RELU, onnx, operator, tensor
from tests.samples.wire import field
from tests.support.judging import judged, rules_of

from hanse.scan.dispatch import extract
from hanse.scan.onnx import claims
from hanse.scan.source import BytesSource
from hanse.scan.verdict import view_of


def _claims(data: bytes) -> bool:
    return claims(data[:4096], BytesSource(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08\x08",
        bytes(100),
        b"plain text, no model\n" * 9,
        b"\x08\x01\x3a\x04\xff\xff\xff\xff",
        field(1, 8) + field(7, field(1, field(1, "x"))),
        field(7, "graph of text"),
        b"a" * 100_000,
        field(7, RELU),
        field(1, 1 << 40) + field(7, RELU),
        b"\x80\x04" + b"N0" * 9_000 + b"N.",
    ],
)
def test_what_is_no_model(data: bytes) -> None:
    """Other content, other protobufs among it, is not claimed."""
    assert not _claims(data)


def test_a_model_is_told_whatever_is_around_its_graph() -> None:
    """Unknown fields, padding, empty nodes and any order do not hide a graph."""
    plain = onnx(RELU)
    assert _claims(plain)
    assert _claims(field(99, "x") + plain)
    assert _claims(onnx(field(1, b"") * 100, RELU))
    assert _claims(field(6, "") * 10_000)
    assert _claims(field(7, RELU) + field(1, 8))


def test_locations_once_each() -> None:
    """A model with ten thousand tensors in one file gives one observation."""
    view = view_of(extract(BytesSource(onnx(RELU, field(5, tensor("w.bin", offset="0")) * 10_000))), "onnx")
    assert view is not None
    assert view.stopped is None
    assert len(list(view.all("onnx.external"))) == 1


def test_the_last_location_counts_as_the_first() -> None:
    """Two locations in one tensor are both judged: readers take either."""
    two = field(13, field(1, "location") + field(2, "../x"))
    assert "ONNX-EXTERNAL-OUTSIDE" in rules_of(judged(onnx(RELU, field(5, tensor("w.bin") + two)), "m.onnx"))
    assert "ONNX-EXTERNAL-OUTSIDE" in rules_of(judged(onnx(RELU, field(5, two + tensor("w.bin"))), "m.onnx"))


def test_metadata_is_kept() -> None:
    """Producer and metadata are facts."""
    facts = extract(BytesSource(onnx(RELU, tail=field(14, field(1, "k") + field(2, "v")))))
    view = view_of(facts, "onnx")
    assert view is not None
    assert [dict(one.data) for one in view.all("onnx.metadata")] == [{"key": "k", "value": "v"}]


def test_own_functions_are_no_custom_domain() -> None:
    """Operators that the model defines need no library; one that it does not define does."""
    own = field(25, field(1, "Mine") + field(7, operator("Relu")) + field(10, "local"))
    other = field(1, operator("Other", "local"))
    assert not rules_of(judged(onnx(RELU, field(1, operator("Mine", "local")), tail=own), "m.onnx"))
    assert rules_of(judged(onnx(RELU, other, tail=own), "m.onnx")) == {"ONNX-DOMAIN-CUSTOM"}
