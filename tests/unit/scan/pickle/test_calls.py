"""Calls: kept exactly while they are few, by kinds when they are many, never lost."""

from __future__ import annotations

from tests.samples.pickle import imported, stream, text
from tests.support.pickles import seen, views

from hanse.scan.pickle.calls import MAX_EXACT, MAX_ROUGH


def test_many_arguments_become_kinds() -> None:
    """After MAX_EXACT different arguments the kinds are kept, with a count."""
    body = b"".join(imported("m", "f") + text(f"t{number}") + b"\x85R0" for number in range(MAX_EXACT + 20)) + b"N"
    found = seen(stream(body), "call")
    assert len(found) == MAX_EXACT + 1
    assert found[-1]["args"] == [{"t": "str", "like": ["name", "word", "path"]}]
    assert found[-1]["count"] == 20


def test_kinds_without_end_are_only_counted() -> None:
    """After MAX_ROUGH kinds nothing is said about the arguments, so that rules can distrust them."""
    tails = [bytes([*b"N" * (number // 4), *(b"N\x88}]"[number % 4],)]) for number in range(MAX_EXACT + MAX_ROUGH + 5)]
    body = b"".join(imported("m", "f") + b"(" + tail + b"tR0" for tail in tails) + b"N"
    assert seen(stream(body), "call")[-1]["args"] == {"more": 1}
    assert views(stream(body))[0].stopped is None


def test_a_new_kind_after_many_is_seen() -> None:
    """An import among the arguments of a much used callable does not hide behind the others."""
    body = b"".join(imported("m", "f") + text(f"t{number}") + b"\x85R0" for number in range(100))
    body += imported("m", "f") + imported("posix", "system") + b"\x85R"
    assert seen(stream(body), "call")[-1]["args"] == [{"g": "posix system"}]


def test_classes_that_functions_get() -> None:
    """The result of a function that gets a class as first argument says which."""
    body = imported("copyreg", "_reconstructor") + b"(" + imported("m", "C") + imported("builtins", "object") + b"NtR}b"
    assert seen(stream(body), "build")[0]["of"] == "m C"


def test_tensors_beyond_their_storage() -> None:
    """A tensor that does not fit is noted among thousands that do."""
    storage = b"(" + text("storage") + imported("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
    tensor = imported("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + b"K\x00K%s\x85K\x01\x85\x89N" + b"tR0"
    body = tensor.replace(b"%s", b"\x04") * 50 + tensor.replace(b"%s", b"\x05") + b"N"
    assert [one["reason"] for one in seen(stream(body), "tensor")] == ["the tensor reaches beyond its storage"]
