"""skops schemas are judged by what their loaders do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.samples.graphs import estimator, node
from tests.support.judging import judged, rules_of


def _rules(root: dict[str, Any]) -> set[str]:
    return rules_of(judged(json.dumps(root).encode(), "schema.json"))


@pytest.mark.parametrize(
    ("name", "module", "rule"),
    [
        ("OrderedDict", "collections", None),
        ("LogisticRegression", "sklearn.linear_model._logistic", None),
        ("Mine", "__main__", "SKOPS-TYPE-CUSTOM"),
        ("Mine", "my_package", "SKOPS-TYPE-CUSTOM"),
        ("system", "posix", "SKOPS-TYPE-DENIED"),
        ("Popen", "subprocess", "SKOPS-TYPE-DENIED"),
        ("system", "numpy.f2py.os", "SKOPS-TYPE-DENIED"),
        ("runstring", "numpy.testing", "SKOPS-TYPE-DENIED"),
        ("os.system", "numpy", "SKOPS-TYPE-DENIED"),
        ("__init__", "numpy", "SKOPS-TYPE-DENIED"),
        ("load", "joblib", "SKOPS-TYPE-DENIED"),
    ],
)
def test_types(name: str, module: str, rule: str | None) -> None:
    """Plain values and estimators pass, somebody's classes need trust, what runs or reads things is refused."""
    assert _rules(estimator(a=node(name, module, "ObjectNode"))) == ({rule} if rule else set())


def test_methods() -> None:
    """A method of the object that the node names passes with a warning; reaching further does not."""
    module = "sklearn.linear_model._logistic"
    fit = node("LogisticRegression", module, "MethodNode", content={"obj": estimator(), "func": "fit"})
    dotted = node("LogisticRegression", module, "MethodNode", content={"obj": estimator(), "func": "fit.__globals__"})
    assert _rules(fit) == {"SKOPS-METHOD"}
    assert _rules(dotted) == {"SKOPS-METHOD-REACH"}
    assert _rules(node("LogisticRegression", module, "MethodNode", content=3)) == {"SKOPS-METHOD-REACH"}


def test_loaders() -> None:
    """A loader that skops does not have is not passed over."""
    assert _rules(node("int", "builtins", "EvalNode")) == {"SKOPS-LOADER-UNKNOWN"}


def test_other_json_is_not_claimed() -> None:
    """A document without the three keys is no schema."""
    assert "skops" not in judged(b'{"__class__": "a", "__module__": 3}', "a.json").formats
