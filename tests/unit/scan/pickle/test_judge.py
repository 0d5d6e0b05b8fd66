"""Views of pickles: every kind of observation."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Verdict
from hanse.scan.facts import Facts, Observation, View
from hanse.scan.formats import Context
from hanse.scan.pickle.judge import judge
from hanse.scan.ruleset import Hit

STOP = ("stream", {"proto": 4, "operations": 9, "length": 20, "end": "stop"})


def _view(*seen: tuple[str, dict[str, Any]], member: str = "") -> View:
    observations = tuple(Observation(f"pickle.{kind}", 10 * number, data) for number, (kind, data) in enumerate(seen))
    return View("pickle", member, 100, True, observations)


def _hits(*views: View) -> list[Hit]:
    context = Context("model.pkl", Facts("x", 100, views, {}), builtin_ruleset())
    return [hit for view in views for hit in judge(view, context)]


def _rules(*seen: tuple[str, dict[str, Any]]) -> list[str]:
    return [hit.rule for hit in _hits(_view(*seen))]


def _import(name: str, how: str = "STACK_GLOBAL") -> tuple[str, dict[str, Any]]:
    module, _, attribute = name.partition(" ")
    return "import", {"module": module, "name": attribute, "how": how, "count": 1}


def _call(name: str, *args: Any, how: str = "REDUCE", **more: Any) -> tuple[str, dict[str, Any]]:
    return "call", {"callable": name, "how": how, "args": list(args), "count": 1, **more}


def test_a_state_dict_is_safe() -> None:
    """Tensors in ordered dicts are what torch writes."""
    tensor = _call("torch._utils _rebuild_tensor_v2", {"p": 1}, 0, [4], [1], False, {"c": "collections OrderedDict"})
    names = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage")
    storage = ("persid", {"shape": [{"s": "storage"}, {"g": "torch FloatStorage"}, {"s": "0"}, {"s": "cpu"}, 4], "count": 1})
    items = ("setitem", {"target": "collections OrderedDict", "on": "call", "count": 1})
    assert _rules(*map(_import, names), _call("collections OrderedDict"), storage, tensor, items, STOP) == []


def test_hits_say_where_and_what_was_nearest() -> None:
    """A hit has the offset of the call, the callable, and the profile that fits the rest of the stream best."""
    seen = (_import("torch FloatStorage"), _import("torch._utils _rebuild_tensor_v2"), _import("posix system"))
    hit = next(hit for hit in _hits(_view(*seen, _call("posix system", {"s": "id"}), STOP)) if hit.rule == "PICKLE-CALL-GADGET")
    assert (hit.at, hit.callable, hit.profile) == (30, "posix.system", "torch-weights-only")


def test_a_called_name_is_judged_once() -> None:
    """The import of something that is called is not judged a second time, and equal calls give one hit."""
    seen = (_import("posix system"), _call("posix system", {"s": "a"}), _call("posix system", {"s": "b"}), STOP)
    assert _rules(*seen) == ["PICKLE-CALL-GADGET"]


@pytest.mark.parametrize(
    ("of", "how", "rule", "severity"),
    [
        ({"c": "operator attrgetter"}, "REDUCE", "PICKLE-CALL-COMPUTED", None),
        ({"c": "functools partial"}, "REDUCE", "PICKLE-CALL-COMPUTED", None),
        ({"p": 1}, "REDUCE", "PICKLE-CALL-COMPUTED", None),
        ({"p": 1}, "NEWOBJ", "PICKLE-CLASS-UNKNOWN", None),
        ({"u": 1}, "REDUCE", "PICKLE-CALL-COMPUTED", Verdict.SUSPICIOUS),
        ({"x": "240"}, "REDUCE", "PICKLE-CALL-COMPUTED", Verdict.SUSPICIOUS),
        (None, "REDUCE", "PICKLE-CALL-COMPUTED", Verdict.SUSPICIOUS),
    ],
)
def test_calls_of_computed_values(of: Any, how: str, rule: str, severity: Verdict | None) -> None:
    """Calling what a call gave is malicious; what is not known at all is suspicious."""
    assert [(hit.rule, hit.severity) for hit in _hits(_view(_call("", of=of, how=how), STOP))] == [(rule, severity)]


def test_listed_methods_may_be_called() -> None:
    """Time zones are made by a method that getattr takes; any other method of theirs stops that."""
    zone = _call("builtins getattr", {"g": "zoneinfo ZoneInfo"}, {"s": "_unpickle"})
    other = _call("builtins getattr", {"g": "zoneinfo ZoneInfo"}, {"s": "from_file"})
    made = _call("", {"s": "UTC"}, True, of={"c": "builtins getattr", "of": "zoneinfo ZoneInfo"})
    assert _rules(_import("builtins getattr"), zone, made, STOP) == []
    assert "PICKLE-CALL-COMPUTED" in _rules(zone, other, made, STOP)


@pytest.mark.parametrize(
    ("data", "rules"),
    [
        ({"target": "torch _utils", "on": "import"}, ["PICKLE-BUILD-GLOBAL"]),
        ({"target": "builtins getattr", "on": "call"}, ["PICKLE-BUILD-GLOBAL"]),
        (
            {
                "target": "statsmodels.base.data PandasData",
                "on": "instance",
                "state": {"k": "dict", "keys": ["restore_design_info"]},
            },
            ["PICKLE-STATE-CODE"],
        ),
        ({"target": "", "on": "persistent"}, ["PICKLE-BUILD-UNSAFE"]),
        ({"target": "a B", "on": "instance", "state": {"k": "dict", "n": 1, "keys": ["__setstate__"]}}, ["PICKLE-BUILD-UNSAFE"]),
        (
            {"target": "a B", "on": "instance", "state": [None, {"k": "dict", "n": 1, "keys": ["__class__"]}]},
            ["PICKLE-BUILD-UNSAFE"],
        ),
        ({"target": "a B", "on": "instance", "state": {"k": "dict", "n": 1, "keys": ["training"]}}, []),
        ({"target": "functools partial", "on": "call", "state": [{"g": "a b"}, [], {"k": "dict"}, None]}, []),
        ({"target": "functools partial", "on": "call", "state": [1]}, ["PICKLE-ARGS-UNSAFE"]),
        (
            {"target": "a B", "on": "instance", "state": {"k": "dict", "links": {"f": {"g": "builtins getattr"}}}},
            ["PICKLE-REF-RISKY"],
        ),
    ],
)
def test_states(data: dict[str, Any], rules: list[str]) -> None:
    """States are for objects of the stream, and do not change what these are."""
    assert _rules(("build", {"state": {"k": "dict"}, "count": 1, **data}), STOP) == rules


@pytest.mark.parametrize(
    ("target", "on", "rules"),
    [
        ("collections OrderedDict", "call", []),
        ("collections deque", "call", []),
        ("mypackage Registry", "instance", []),
        ("copyreg _reconstructor", "call", []),
        ("torch._utils _rebuild_tensor_v2", "call", ["PICKLE-ITEMS-UNSAFE"]),
        ("mypackage registry", "import", ["PICKLE-ITEMS-UNSAFE"]),
        ("torch FloatStorage", "persistent", ["PICKLE-ITEMS-UNSAFE"]),
    ],
)
def test_items(target: str, on: str, rules: list[str]) -> None:
    """Items go into containers of the stream, not into tensors, storages and modules."""
    for kind in ("setitem", "append"):
        assert _rules((kind, {"target": target, "on": on, "count": 1}), STOP) == rules


@pytest.mark.parametrize(
    ("kind", "data", "rules"),
    [
        ("computed", {"what": "module", "from": {"c": "builtins str"}}, ["PICKLE-NAME-COMPUTED"]),
        ("computed", {"what": "callable", "from": {"c": "builtins str"}}, []),
        ("extension", {"code": 240}, ["PICKLE-EXTENSION"]),
        ("persid", {"shape": {"s": "posix"}}, ["PICKLE-PERSISTENT"]),
        ("persid", {"shape": [{"s": "module"}, {"g": "a B"}]}, []),
        ("frame", {"reason": "x"}, ["PICKLE-FRAME"]),
        ("malformed", {"reason": "x"}, ["PICKLE-MALFORMED"]),
        ("tensor", {"reason": "x"}, ["PICKLE-TENSOR"]),
        ("trailing", {"bytes": 9, "zeros": False}, ["PICKLE-TRAILING"]),
        ("trailing", {"bytes": 9, "zeros": True}, []),
        ("trailing", {"bytes": 1, "zeros": False}, []),
        ("joblib", {"wrapper": "x", "file": {"s": "model.pkl_01.npy"}}, []),
        ("joblib", {"wrapper": "x", "file": {"s": "../../x.npy"}}, ["PICKLE-FILE-OUTSIDE"]),
        ("joblib", {"wrapper": "x", "file": {"c": "a b"}}, ["PICKLE-FILE-OUTSIDE"]),
        ("joblib", {"wrapper": "x", "dtype": "f4", "shape": [3]}, []),
        ("something-new", {}, []),
    ],
)
def test_structure(kind: str, data: dict[str, Any], rules: list[str]) -> None:
    """Each structural observation has its rule."""
    assert _rules((kind, data), STOP) == rules


def test_attributes_through_rebuild_functions() -> None:
    """Rebuild functions that set attributes are held to the same names as states."""
    args = ({"c": "torch._utils _rebuild_tensor_v2"}, True, None, {"k": "dict", "keys": ["__class__"]})
    assert _rules(_call("torch._utils _rebuild_parameter_with_state", *args), STOP) == ["PICKLE-BUILD-UNSAFE"]


def test_code_builders() -> None:
    """Objects of classes that lie in the file are suspicious, calls of functions that lie in it malicious."""
    assert _rules(_call("", how="NEWOBJ", of={"c": "cloudpickle.cloudpickle _make_skeleton_class"}), STOP) == ["PICKLE-CALL-CODE"]
    assert _rules(_call("", of={"c": "cloudpickle.cloudpickle _make_function"}), STOP) == ["PICKLE-CALL-COMPUTED"]


def test_texts_that_are_encoded_and_loaded() -> None:
    """A nested pickle that reaches its loader through an encoded text is loaded, too."""
    outer = _view(
        _call("torch.storage _load_from_bytes", {"c": "_codecs encode"}), ("nested", {"length": 30, "how": "_codecs encode"})
    )
    found = _hits(outer, _view(_call("posix system", {"s": "id"}), STOP, member="pickle@10"))
    assert [hit.rule for hit in found] == ["PICKLE-CALL-GADGET"]


def test_broken_streams() -> None:
    """A broken stream is suspicious, and keeps what it does before it breaks; what it leaves behind is not counted again."""
    broken = ("stream", {"proto": 4, "operations": 9, "length": 20, "end": "truncated"})
    call = _call("posix system", {"s": "id"})
    assert _rules(call, broken, ("trailing", {"bytes": 9, "zeros": False})) == ["PICKLE-CALL-GADGET", "PICKLE-MALFORMED"]


def test_streams_behind_other_bytes() -> None:
    """A stream in the middle of another format is judged by what it does, not by what surrounds it."""
    seen: tuple[tuple[str, dict[str, Any]], ...] = (("buried", {}), STOP, ("trailing", {"bytes": 9, "zeros": False}))
    assert _rules(*seen) == []
    assert _rules(*seen, _call("posix system", {"s": "id"})) == ["PICKLE-CALL-GADGET"]
    assert _rules(STOP, ("buried", {}), ("trailing", {"bytes": 9, "zeros": False})) == ["PICKLE-TRAILING"]


def _nested(how: str, *seen: tuple[str, dict[str, Any]]) -> list[Hit]:
    outer = _view(("stream", STOP[1]), ("nested", {"length": 30, "how": how}))
    return _hits(outer, _view(*seen, member="pickle@10"))


def test_a_pickle_in_data_is_dormant() -> None:
    """Harm in a nested stream that nothing loads is suspicious; a nested stream without harm is nothing."""
    (hit,) = _nested("", _call("posix system", {"s": "id"}), STOP)
    assert (hit.rule, hit.callable, hit.member) == ("PICKLE-NESTED", "posix.system", "pickle@10")
    assert _nested("", _call("__main__ Net", how="NEWOBJ"), STOP) == []
    assert _nested("", ("stream", {"proto": 4, "operations": 9, "length": 20, "end": "truncated"})) == []


def test_a_pickle_that_is_loaded_is_judged_fully() -> None:
    """What torch.storage._load_from_bytes gets runs when the outer stream is loaded."""
    assert [hit.rule for hit in _nested("torch.storage _load_from_bytes", _call("posix system", {"s": "id"}), STOP)] == [
        "PICKLE-CALL-GADGET"
    ]


def test_a_member_that_only_looks_nested() -> None:
    """A member of that name whose container has no such constant is judged fully."""
    outer = _view(STOP)
    found = _hits(outer, _view(_call("posix system", {"s": "id"}), STOP, member="pickle@10"))
    assert [hit.rule for hit in found] == ["PICKLE-CALL-GADGET"]
