"""Names in Keras configurations: what computes, what needs trust, what hands over the machine."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.facts import Facts, Observation
from hanse.scan.formats import Context
from hanse.scan.keras_objects import rule_of

CONTEXT = Context("", Facts("", 0, (), {}), builtin_ruleset())


def _rule(kind: str, **data: Any) -> str | None:
    return rule_of(Observation(f"keras.{kind}", None, data), CONTEXT)[0]


@pytest.mark.parametrize(
    ("module", "name", "rule"),
    [
        ("keras.layers", "Dense", None),
        ("keras.src.models.functional", "Functional", None),
        ("tensorflow.python.keras.layers", "Dense", None),
        (None, "Dense", None),
        (None, "__tuple__", None),
        ("keras", "Sequential", None),
        ("keras.src.trainers", "Thing", "KERAS-OBJECT-INTERNAL"),
        ("keras.src.saving.file_editor", "KerasFileEditor", "KERAS-OBJECT-DENIED"),
        ("builtins", "dict", None),
        ("builtins", "super", "KERAS-OBJECT-BUILTIN"),
        ("builtins", "eval", "KERAS-OBJECT-DENIED"),
        ("os", "system", "KERAS-OBJECT-DENIED"),
        ("numpy.f2py.os", "Thing", "KERAS-OBJECT-DENIED"),
        ("keras.layers.os", "Thing", "KERAS-OBJECT-DENIED"),
        ("__main__", "Mine", "KERAS-OBJECT-CUSTOM"),
        ("my_package", "Mine", "KERAS-OBJECT-CUSTOM"),
        (None, "my_package>Mine", "KERAS-OBJECT-CUSTOM"),
        (None, "Mine", "KERAS-OBJECT-CUSTOM"),
    ],
)
def test_classes(module: str | None, name: str, rule: str | None) -> None:
    """Keras' own classes pass, the standard library and Keras' loaders do not, the rest needs trust."""
    assert _rule("object", name=name, module=module, registered=None, target=None) == rule


@pytest.mark.parametrize(
    ("module", "name", "rule"),
    [
        ("builtins", "relu", None),
        ("builtins", "my_loss", "KERAS-FUNCTION-CUSTOM"),
        ("builtins", "exec", "KERAS-FUNCTION-DENIED"),
        ("keras.activations", "gelu", None),
        ("keras.src.ops.numpy", "mean", None),
        ("keras.utils", "get_file", "KERAS-FUNCTION-DENIED"),
        ("keras.utils", "to_categorical", "KERAS-FUNCTION-INTERNAL"),
        ("keras.config", "set_floatx", "KERAS-FUNCTION-DENIED"),
        ("tensorflow.python.ops.nn_ops", "softmax", None),
        ("tensorflow.python.ops.io_ops", "write_file", "KERAS-FUNCTION-DENIED"),
        ("numpy", "fromfile", "KERAS-FUNCTION-DENIED"),
        ("numpy", "sum", "KERAS-FUNCTION-INTERNAL"),
        ("torch.nn.functional", "gelu", None),
        ("my_package", "my_loss", "KERAS-FUNCTION-CUSTOM"),
        ("shutil", "rmtree", "KERAS-FUNCTION-DENIED"),
        ("my_package", "a.__globals__", "KERAS-FUNCTION-DENIED"),
    ],
)
def test_functions(module: str, name: str, rule: str | None) -> None:
    """Functions that compute pass; those that load, fetch, write or run do not."""
    assert _rule("object", name="function", module=module, registered=name, target=name) == rule


@pytest.mark.parametrize(
    ("function", "rule"),
    [
        ("math.add", None),
        ("nn.relu", None),
        ("io.read_file", "KERAS-FUNCTION-DENIED"),
        ("py_function", "KERAS-FUNCTION-DENIED"),
        ("__operators__.getitem", None),
        ("strange.thing", "KERAS-OBJECT-INTERNAL"),
    ],
)
def test_tensorflow_functions(function: str, rule: str | None) -> None:
    """Layers around TensorFlow functions are judged by the function."""
    assert _rule("tfop", name="TFOpLambda", function=function) == rule


def test_lambdas() -> None:
    """A Lambda around a named function needs trust, around one of the machine it is malicious."""
    assert _rule("lambda", module=None, function="scale") == "KERAS-LAMBDA-NAMED"
    assert _rule("lambda", module=None, function=None) == "KERAS-LAMBDA-NAMED"
    assert _rule("lambda", module="os", function="system") == "KERAS-FUNCTION-DENIED"
