"""Opcodes that import, call and fill objects."""

from __future__ import annotations

from tests.samples.pickle import imported, stream, text
from tests.support.pickles import calls, seen


def test_ways_of_importing() -> None:
    """GLOBAL, STACK_GLOBAL and INST are told apart."""
    assert [one["how"] for one in seen(stream(b"ca\nb\n" + text("a") + text("b") + b"\x93(ia\nb\n", 4), "import")] == [
        "GLOBAL", "STACK_GLOBAL", "INST",
    ]  # fmt: skip


def test_ways_of_calling() -> None:
    """Each opcode that calls is noted with its arguments."""
    body = imported("m", "f") + b"q\x00K\x01\x85R0h\x00K\x02\x85\x810h\x00)}\x920(h\x00K\x03o0(K\x04im\nf\n"
    found = [(one["how"], one["args"]) for one in seen(stream(body, 4), "call")]
    assert found == [("REDUCE", [1]), ("NEWOBJ", [2]), ("NEWOBJ_EX", []), ("OBJ", [3]), ("INST", [4])]


def test_keywords_are_noted() -> None:
    """NEWOBJ_EX has a dict of keywords."""
    body = imported("m", "f") + b")}" + text("a") + b"Ns\x92"
    assert seen(stream(body, 4), "call")[0]["keywords"] == {"k": "dict", "n": 1, "keys": ["a"]}


def test_results_that_are_called() -> None:
    """A call of a call's result is noted, and what it is the result of."""
    (first, second) = seen(stream(imported("m", "f") + b")R)R"), "call")
    assert (first["callable"], second["callable"], second["of"]) == ("m f", "", {"c": "m f"})


def test_names_that_are_no_constants() -> None:
    """A module name that is computed, or is no text at all, is noted."""
    assert [one["what"] for one in seen(stream(b"NK\x01\x93", 4), "computed")] == ["module", "name"]


def test_states() -> None:
    """BUILD says what gets the state: an import, an instance, a result, plain data."""
    assert seen(stream(imported("m", "C") + b"}b"), "build")[0]["on"] == "import"
    assert seen(stream(imported("m", "C") + b")\x81}" + text("a") + b"Nsb"), "build") == [
        {"target": "m C", "on": "instance", "state": {"k": "dict", "n": 1, "keys": ["a"]}, "count": 1}
    ]
    assert seen(stream(b"}Nb"), "build")[0] == {"target": "", "on": "dict", "state": None, "count": 1}


def test_persistent_ids() -> None:
    """Torch's ids are listed completely, others by their shape."""
    body = b"(" + text("storage") + imported("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
    assert seen(stream(body), "storages") == [{"storages": [{"key": "0", "type": "torch FloatStorage", "elements": 4}]}]
    assert seen(stream(b"NK\x01QPabc\n"), "persid")[0]["shape"] == 1
    assert seen(stream(b"NK\x01QPabc\n"), "persid")[1]["shape"] == {"s": "abc"}


def test_extensions() -> None:
    """Codes of the extension registry of all three widths are noted."""
    body = b"\x82\x07\x83\x08\x00\x84\x09\x00\x00\x00"
    assert [one["code"] for one in seen(stream(body), "extension")] == [7, 8, 9]


def test_dotted_names_and_lines() -> None:
    """Names are kept as they are written, carriage returns and dots included."""
    assert seen(stream(b"ca\r\nb.c\n)R"), "import")[0]["name"] == "b.c"
    assert calls(stream(b"ca\r\nb.c\n)R")) == ["a\r b.c"]
