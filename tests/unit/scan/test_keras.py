"""Keras configurations are found wherever they lie and read at any depth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.samples.graphs import DENSE, LAMBDA, OLD_LAMBDA, PICKLE, function, h5, layer, model
from tests.support.judging import judged, rules_of

from hanse.scan.keras import is_configuration


def _rules(value: Any, path: str = "config.json") -> set[str]:
    return rules_of(judged(json.dumps(value).encode(), path))


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        "Lambda",
        {"class_name": "Dense"},
        {"class_name": 3, "config": {}},
        {"model_type": "bert", "config": {"hidden_size": 4}},
    ],
)
def test_what_is_no_configuration(value: Any) -> None:
    """Documents without a serialised object at a place where loaders look are somebody else's."""
    assert not is_configuration(value)


@pytest.mark.parametrize(
    "value",
    [model(DENSE), {"class_name": "Sequential", "config": []}, {"loss": function("exec")}, {"config": model(DENSE)}],
)
def test_what_is_one(value: Any) -> None:
    """Models, training configurations and wrapped ones are read."""
    assert is_configuration(value)


def test_code_at_any_depth() -> None:
    """Byte code a hundred layers deep is found."""
    deep = LAMBDA
    for _ in range(60):
        deep = layer("TimeDistributed", {"layer": deep})
    assert "KERAS-LAMBDA-CODE" in _rules(model(deep))


@pytest.mark.parametrize("key", ["function", "output_shape", "mask"])
def test_old_lambdas(key: str) -> None:
    """Older versions store byte code as a list, for three arguments."""
    config = {"function": "scale", "function_type": "function", key: ["4w", None, None], f"{key}_type": "lambda"}
    assert "KERAS-LAMBDA-CODE" in _rules(
        {"class_name": "Model", "config": {"layers": [{"class_name": "Lambda", "config": config}]}}
    )


def test_a_shape_is_no_code() -> None:
    """A Lambda's output shape of three numbers is a shape."""
    config = {"function": "scale", "function_type": "function", "output_shape": [1, 2, 3], "output_shape_type": "raw"}
    assert _rules({"class_name": "Lambda", "config": config}) == {"KERAS-LAMBDA-NAMED"}


def test_functions_of_the_machine_by_old_names() -> None:
    """An old Lambda takes its function from a module that the file names."""
    config = {"function": "system", "function_type": "function", "module": "os"}
    assert "KERAS-FUNCTION-DENIED" in _rules({"class_name": "Lambda", "config": config})


def test_a_packed_module_is_read() -> None:
    """The pickle inside a TorchModuleWrapper has views of its own."""
    import base64

    packed = base64.b64encode(b"PK\x05\x06" + bytes(18)).decode()
    judgement = judged(json.dumps(model(layer("TorchModuleWrapper", {"module": packed}))).encode(), "config.json")
    assert "zip" in judgement.formats
    assert "KERAS-TORCH-MODULE" in rules_of(judgement)
    assert PICKLE


def test_each_object_once() -> None:
    """A thousand equal layers give one finding."""
    custom = layer("Mine", {}, "my_package")
    assert len(judged(json.dumps(model(*[custom] * 1000)).encode(), "config.json").findings) == 1


@pytest.mark.parametrize(
    ("name", "key", "value", "rule"),
    [
        ("StringLookup", "vocabulary", "/etc/passwd", "KERAS-FILE-OUTSIDE"),
        ("StringLookup", "vocabulary", "a.txt", "KERAS-FILE-BESIDE"),
        ("TFSMLayer", "filepath", "gs://a/b", "KERAS-FILE-OUTSIDE"),
        ("TFSMLayer", "filepath", "other", "KERAS-FILE-MODEL"),
        ("Mine", "filename", "/data/x", "KERAS-FILE-UNKNOWN"),
        ("Mine", "path", "a/b", None),
        ("Dense", "name", "/x", None),
    ],
)
def test_files(name: str, key: str, value: str, rule: str | None) -> None:
    """Arguments that are opened as files are judged by where they lead."""
    found = _rules(model(layer(name, {key: value}))) - {"KERAS-OBJECT-CUSTOM"}
    assert found == ({rule} if rule else set())


def test_training_configurations_of_hdf5_files() -> None:
    """Attributes are read as well as the model itself."""
    assert "KERAS-LAMBDA-CODE" in rules_of(judged(h5({"config": {"layers": [OLD_LAMBDA]}, "class_name": "Sequential"}), "m.h5"))
