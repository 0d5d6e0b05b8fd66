"""PaddlePaddle programs are told by content and judged by their operators."""

from __future__ import annotations

import pytest
from tests.samples.graphs_tensorflow import paddle_op, program
from tests.samples.wire import field
from tests.support.judging import judged, rules_of

from hanse.scan.paddle import claims
from hanse.scan.source import BytesSource

FEED = paddle_op("feed")


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (program(FEED), True),
        (program(FEED, FEED)[:-12], True),
        (program(), False),
        (field(1, field(1, "name") + field(2, "Relu")), False),
        (field(1, field(1, 0) + field(2, 1) + field(4, field(3, "No Name"))), False),
        (b"\x0a", False),
        (b"", False),
    ],
)
def test_claims(data: bytes, claimed: bool) -> None:
    """A program starts with a block that has its numbers and an operator."""
    assert claims(data[:4096], BytesSource(data)) is claimed


def test_paths() -> None:
    """Files that a program names are judged by where they lead."""
    assert rules_of(judged(program(FEED, paddle_op("load", "../x")), "m.pdmodel")) == {"PADDLE-PATH-OUTSIDE"}
    assert rules_of(judged(program(FEED, paddle_op("load", "x")), "m.pdmodel")) == {"PADDLE-PATH-BESIDE"}
    assert rules_of(judged(program(FEED, paddle_op("py_func")), "m.pdmodel")) == {"PADDLE-OP-PYTHON"}
