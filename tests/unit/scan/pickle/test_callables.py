"""Single callables: calls, objects, references."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.pickle.callables import Callables, could_be_class
from hanse.scan.pickle.knowledge import knowledge_of


@pytest.fixture(name="callables", scope="module")
def _callables() -> Callables:
    return Callables(knowledge_of(builtin_ruleset()))


def _call(callables: Callables, name: str, *args: Any, how: str = "REDUCE") -> list[str]:
    return [hit.rule for hit in callables.call(name, how, list(args))]


@pytest.mark.parametrize(
    ("name", "answer"),
    [("a.b Net", True), ("a _Net", True), ("a net", False), ("a Net.run", False), ("a dFilter", False), ("a SVC", True)],
)
def test_classes_by_writing(name: str, answer: bool) -> None:
    """Only the last part of a name tells whether it is written like a class."""
    assert could_be_class(name) is answer


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("posix system", "PICKLE-CALL-GADGET"),
        ("wsgiref.simple_server demo_app", "PICKLE-CALL-STDLIB"),
        ("mypackage run", "PICKLE-CALL-UNKNOWN"),
        ("torch.nn.functional relu", "PICKLE-CALL-UNKNOWN"),
        ("numpy mean", "PICKLE-CALL-UNKNOWN"),
        ("numpy ndarray.tofile", "PICKLE-CALL-UNKNOWN"),
        ("torch.serialization os.system", "PICKLE-NAME-DOTTED"),
        ("numpy __builtins__", "PICKLE-NAME-DUNDER"),
        ("mypackage <lambda>", "PICKLE-NAME-ODD"),
        ("torch float32", "PICKLE-CALL-UNKNOWN"),
    ],
)
def test_functions_outside_of_profiles(callables: Callables, name: str, rule: str) -> None:
    """Whatever no profile lists as a function may not be called."""
    assert _call(callables, name, {"s": "x"}) == [rule]


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("subprocess Popen", ["PICKLE-CALL-GADGET"]),
        ("wsgiref.simple_server WSGIServer", ["PICKLE-CLASS-STDLIB"]),
        ("__main__ Net", ["PICKLE-CLASS-UNKNOWN"]),
        ("mypackage net", ["PICKLE-CLASS-UNKNOWN"]),
        ("torch.nn.modules.linear Linear", ["PICKLE-CLASS-MODULE"]),
        ("sklearn.svm._classes SVC", []),
        ("argparse Namespace", []),
    ],
)
def test_objects_that_are_only_allocated(callables: Callables, name: str, rules: list[str]) -> None:
    """Objects need a known class to be safe, and none of the standard library beyond plain values."""
    assert [hit.rule for hit in callables.created(name)] == rules


def test_constructors_with_arguments(callables: Callables) -> None:
    """Classes that are called are told by their arguments: words for enumerations, no places, no structures of strangers."""
    assert _call(callables, "mypackage Colour", {"s": "red"}) == ["PICKLE-CLASS-UNKNOWN"]
    assert _call(callables, "mypackage Client", {"s": "http://x"}) == ["PICKLE-CLASS-ARGS"]
    assert _call(callables, "mypackage Runner", {"k": "list"}) == ["PICKLE-CLASS-ARGS"]
    assert _call(callables, "mypackage LoadError", {"s": "no file /x"}) == ["PICKLE-CLASS-UNKNOWN"]
    assert _call(callables, "sklearn.a B", {"k": "list"}) == []
    assert _call(callables, "sklearn.a B", {"s": "/etc/passwd"}) == ["PICKLE-CLASS-ARGS"]


def test_built_in_errors_are_values(callables: Callables) -> None:
    """Exceptions keep their arguments and do nothing else, under their old module, too."""
    name = "exceptions NotImplemented" + "Error"
    assert _call(callables, name, {"s": "no /x"}) == []
    assert list(callables.reference(name)) == []


def test_shapes_are_enforced(callables: Callables) -> None:
    """Allowed functions are bound to what their library writes; guarded ones are malicious otherwise."""
    tensor = ({"p": 1}, 0, [4], [1], False, {"c": "collections OrderedDict"})
    assert _call(callables, "torch._utils _rebuild_tensor_v2", *tensor) == []
    assert _call(callables, "torch._utils _rebuild_tensor_v2", {"s": "x"}, *tensor[1:]) == ["PICKLE-ARGS-SHAPE"]
    assert _call(callables, "builtins type", {"s": "A"}, [], {"k": "dict"}) == ["PICKLE-ARGS-UNSAFE"]
    assert _call(callables, "builtins type", {"t": "str"}) == ["PICKLE-ARGS-SHAPE"]


def test_getattr_stays_inside_classes(callables: Callables) -> None:
    """Getattr takes members of classes that are no standard ones, listed methods, and nothing of Python's insides."""
    assert _call(callables, "builtins getattr", {"g": "mypackage Colour"}, {"s": "RED"}) == []
    assert _call(callables, "builtins getattr", {"g": "builtins str"}, {"s": "lower"}) == []
    assert _call(callables, "builtins getattr", {"g": "builtins str"}, {"s": "format_map"}) == ["PICKLE-ARGS-UNSAFE"]
    assert _call(callables, "builtins getattr", {"g": "bdb Bdb"}, {"s": "run"}) == ["PICKLE-ARGS-UNSAFE"]
    assert _call(callables, "builtins getattr", {"g": "mypackage Colour"}, {"s": "__mro__"}) == ["PICKLE-ARGS-UNSAFE"]
    assert _call(callables, "builtins getattr", {"c": "builtins getattr"}, {"s": "x"}) == ["PICKLE-ARGS-UNSAFE"]


def test_calls_inside_calls(callables: Callables) -> None:
    """Functions that call or create their argument are judged for that, too."""
    inner = [{"s": "x"}, 0, [4], [1], False, None]
    args = ({"g": "torch._utils _rebuild_tensor_v2"}, {"g": "torch Tensor"}, inner, {"k": "dict"})
    assert _call(callables, "torch._tensor _rebuild_from_type_v2", *args) == ["PICKLE-ARGS-SHAPE"]
    assert _call(callables, "copyreg _reconstructor", {"g": "ctypes CDLL"}, {"g": "builtins object"}, None) == [
        "PICKLE-CALL-GADGET"
    ]
    assert _call(callables, "copyreg _reconstructor", {"g": "a B"}, {"g": "subprocess Popen"}, None) == ["PICKLE-ARGS-UNSAFE"]


def test_compiled_helpers(callables: Callables) -> None:
    """Cython's unpickling functions of known packages take a class, a checksum and a state."""
    name = "sklearn._loss._loss __pyx_unpickle_CyLossFunction"
    assert _call(callables, name, {"g": "sklearn._loss._loss CyLossFunction"}, 7, None) == []
    assert _call(callables, name, {"s": "x"}) == ["PICKLE-ARGS-SHAPE"]
    assert _call(callables, "mypackage __pyx_unpickle_X", {"g": "mypackage X"}, 7) == ["PICKLE-CALL-UNKNOWN"]


def test_programs_as_arguments(callables: Callables) -> None:
    """Constructors that only allocate get no text that could be a program."""
    assert _call(callables, "sympy.functions sin", {"s": "__import__('os').system('id')"}, how="NEWOBJ") == ["PICKLE-CLASS-ARGS"]
    assert _call(callables, "mypackage Point", {"s": "a b/c"}, how="NEWOBJ") == ["PICKLE-CLASS-UNKNOWN"]


def test_class_methods_of_own_pickles(callables: Callables) -> None:
    """Class methods that a package's own pickles call may be taken by name, also private ones."""
    assert _call(callables, "builtins getattr", {"g": "zoneinfo ZoneInfo"}, {"s": "_unpickle"}) == []
    assert _call(callables, "builtins getattr", {"g": "keras.src.models Sequential"}, {"s": "_unpickle_model"}) == []
    assert _call(callables, "builtins getattr", {"g": "zoneinfo ZoneInfo"}, {"s": "from_file"}) == ["PICKLE-ARGS-UNSAFE"]


def test_numpy_functions_by_text(callables: Callables) -> None:
    """NumPy's rebuilding of functions by module and name reaches NumPy alone."""
    assert _call(callables, "numpy.core _ufunc_reconstruct", {"s": "numpy.core.umath"}, {"s": "add"}) == []
    assert _call(callables, "numpy.core _ufunc_reconstruct", {"s": "os"}, {"s": "system"}) == ["PICKLE-ARGS-UNSAFE"]


def test_code_in_the_file(callables: Callables) -> None:
    """What builds functions from code is suspicious, and malicious where its argument is no code."""
    assert _call(callables, "cloudpickle.cloudpickle _make_function", {"c": "x y"}, None) == ["PICKLE-CALL-CODE"]
    assert _call(callables, "cloudpickle.cloudpickle _make_function", {"s": "x"}) == ["PICKLE-ARGS-UNSAFE"]


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("os system", ["PICKLE-REF-DANGEROUS"]),
        ("nt system", ["PICKLE-REF-DANGEROUS"]),
        ("builtins len", []),
        ("math sqrt", []),
        ("wsgiref.simple_server demo_app", ["PICKLE-REF-RISKY"]),
        ("pandas read_pickle", ["PICKLE-REF-RISKY"]),
        ("numpy log1p", []),
        ("mypackage tokenize", ["PICKLE-REF-UNKNOWN"]),
        ("mypackage Net.Config", ["PICKLE-REF-UNKNOWN"]),
        ("torch os", ["PICKLE-NAME-DOTTED"]),
    ],
)
def test_names_that_nobody_calls(callables: Callables, name: str, rules: list[str]) -> None:
    """A name alone is judged by what it would do in somebody's hands."""
    assert [hit.rule for hit in callables.reference(name)] == rules


def test_restricted_functions_are_not_handed_on(callables: Callables) -> None:
    """A function that is only allowed in one shape is no value for others to call."""
    assert [hit.rule for hit in callables.handed_on([{"g": "builtins getattr"}, {"g": "builtins list"}])] == ["PICKLE-REF-RISKY"]
