"""TensorFlow Lite models: operators, and offsets that stay inside."""

from __future__ import annotations

import pytest
from tests.samples.graphs_tensorflow import flex, tf_node, tflite
from tests.support.judging import judged, rules_of

from hanse.model.finding import Verdict


def test_the_delegate_runs_what_the_options_say() -> None:
    """The operator inside the options counts, not the harmless name outside."""
    assert "TF-OP-PYTHON" in rules_of(judged(tflite("FlexAdd", flex("PyFunc")), "m.tflite"))
    assert tf_node("n", "PyFunc") in flex("PyFunc")


@pytest.mark.parametrize("options", [b"", b"\0\0\0\0", flex("Add")[:-1]])
def test_flex_without_a_node(options: bytes) -> None:
    """A Flex operator whose options cannot be read is not passed as safe, unless it has none and does nothing."""
    judgement = judged(tflite("FlexAdd", options), "m.tflite")
    assert (judgement.verdict is Verdict.SUSPICIOUS) == bool(options)


def test_every_cut_is_noticed() -> None:
    """A model that was cut anywhere before its last buffer is broken, not safe."""
    whole = tflite("MyOp")
    for size in range(8, len(whole) - 8, 4):
        assert judged(whole[:size], "m.tflite").verdict is not Verdict.SAFE
