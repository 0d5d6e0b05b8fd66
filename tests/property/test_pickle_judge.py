"""The judge of pickles takes any facts, and old names never make a call look better."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Verdict, worst
from hanse.scan.facts import Facts, Observation, View
from hanse.scan.formats import Context
from hanse.scan.pickle.judge import judge
from hanse.scan.pickle.knowledge import knowledge_of

KNOWN = knowledge_of(builtin_ruleset())
NAMES = st.one_of(
    st.sampled_from(sorted(KNOWN.exact)),
    st.sampled_from(["posix system", "__main__ Net", "mypackage run", "torch os.system", " ", "", "a  b", "numpy __builtins__"]),
    st.text(max_size=12),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 2**40),
    st.builds(lambda text: {"s": text}, st.text(max_size=20)),
    st.builds(lambda name: {"g": name}, NAMES),
    st.builds(lambda name, given: {"c": name, "of": given}, NAMES, NAMES),
    st.builds(lambda kind: {"t": kind}, st.sampled_from(["str", "tuple", "int", "dict", "bytearray"])),
    st.builds(
        lambda keys: {"k": "dict", "keys": keys, "links": {key: {"g": key} for key in keys}},
        st.lists(st.text(max_size=9), max_size=3),
    ),
    st.sampled_from([{"u": 1}, {"p": 1}, {"x": "1"}, {"more": 3}, {"f": "1.0"}, {"b": 2, "head": "00"}, {}]),
)
SHAPES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5), max_leaves=6)
HOWS = st.sampled_from(["REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ"])
SEEN = st.one_of(
    st.builds(
        lambda name, how, args, of: ("call", {"callable": name, "how": how, "args": args, "of": of}), NAMES, HOWS, SHAPES, SHAPES
    ),
    st.builds(
        lambda name: ("import", {"module": name.partition(" ")[0], "name": name.partition(" ")[2], "how": "GLOBAL"}), NAMES
    ),
    st.builds(
        lambda name, on, state: ("build", {"target": name, "on": on, "state": state}),
        NAMES,
        st.sampled_from(["call", "instance", "import", "persistent", "dict"]),
        SHAPES,
    ),
    st.builds(lambda name, on: ("setitem", {"target": name, "on": on}), NAMES, st.sampled_from(["call", "import", "persistent"])),
    st.builds(lambda shape: ("persid", {"shape": shape}), SHAPES),
    st.builds(lambda shape: ("joblib", {"wrapper": "x", "file": shape}), SHAPES),
)


def _verdict(seen: list[tuple[str, dict[str, Any]]]) -> Verdict:
    view = View("pickle", "", 9, True, tuple(Observation(f"pickle.{kind}", 0, data) for kind, data in seen))
    rules = builtin_ruleset()
    hits = judge(view, Context("m.pkl", Facts("x", 9, (view,), {}), rules))
    return worst(rules.finding(hit).severity for hit in hits)


@given(st.lists(SEEN, max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_facts_are_judged(seen: list[tuple[str, dict[str, Any]]]) -> None:
    """Whatever a machine may have seen, the judge answers."""
    assert isinstance(_verdict(seen), Verdict)


@given(NAMES, HOWS, SHAPES)
@settings(max_examples=60, deadline=None)
def test_more_observations_never_help(name: str, how: str, args: Any) -> None:
    """A harmful call stays harmful, whatever else is in the stream."""
    harmful = ("call", {"callable": "posix system", "how": "REDUCE", "args": [{"s": "id"}]})
    assert _verdict([("call", {"callable": name, "how": how, "args": args, "of": None}), harmful]) is Verdict.MALICIOUS
