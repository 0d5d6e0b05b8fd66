"""TensorFlow graphs are told by content and judged by their operators."""

from __future__ import annotations

import pytest
from tests.samples.graphs_tensorflow import graph, saved, tf_node
from tests.samples.wire import field
from tests.support.judging import judged, rules_of

from hanse.scan.savedmodel import root_of
from hanse.scan.source import BytesSource

PYTHON = tf_node("p", "PyFunc")


@pytest.mark.parametrize(
    ("data", "root"),
    [
        (saved(graph(PYTHON)), "SavedModel"),
        (field(2, field(2, graph(PYTHON))), "SavedModel"),
        (saved(graph(library=(PYTHON,))), "SavedModel"),
        (field(2, graph(PYTHON)), "MetaGraph"),
        (graph(PYTHON), "Graph"),
        (graph(library=(PYTHON,)), "Graph"),
        (field(1, b"") * 5_000 + graph(PYTHON), "Graph"),
        (field(1, field(2, 0) + field(4, "_tf_keras_model") + field(5, "{}")), "KerasMetadata"),
        (field(1, field(1, "a") + b"\x15\0\0\0\0"), None),
        (field(1, field(1, "two words") + field(2, "no operator!")), None),
        (bytes(50), None),
        (b"# a text, no graph\n", None),
    ],
)
def test_roots(data: bytes, root: str | None) -> None:
    """SavedModel, MetaGraph, GraphDef and Keras metadata are told apart; a vocabulary with scores is none of them."""
    assert root_of(BytesSource(data)) == root


def test_printing_to_a_file_writes() -> None:
    """PrintV2 is harmless unless its stream is a file."""
    stream = field(5, field(1, "output_stream") + field(2, field(2, "file:///tmp/x")))
    assert rules_of(judged(graph(tf_node("p", "PrintV2") + stream), "g.pb")) == {"TF-OP-WRITES"}
    assert not rules_of(judged(graph(tf_node("p", "PrintV2")), "g.pb"))


def test_attributes_before_the_operator() -> None:
    """Fields in another order than writers use are read the same."""
    value = field(5, field(1, "value") + field(2, field(8, field(8, "/etc/x"))))
    constant = value + field(1, "name") + field(2, "Const")
    assert rules_of(judged(graph(constant, tf_node("s", "RestoreV2", "name")), "g.pb")) == {"TF-PATH-OUTSIDE"}


def test_the_default_checkpoint_name_is_fine() -> None:
    """Every TensorFlow 1 graph saves to the constant `model`."""
    constant = tf_node("name", "Const", text="model")
    assert not rules_of(judged(graph(constant, tf_node("s", "SaveV2", "name")), "g.pb"))


def test_a_function_called_by_name_is_no_unknown_operator() -> None:
    """Nodes may name a function of the graph's library as their operator."""
    assert not rules_of(
        judged(graph(tf_node("x", "Placeholder"), tf_node("c", "inner"), library=(tf_node("r", "Relu"),)), "g.pb")
    )
