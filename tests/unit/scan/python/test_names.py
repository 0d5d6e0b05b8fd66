"""Small questions about values."""

from __future__ import annotations

from hanse.scan.python.names import first_text, origin, plain_name, spelled, weight
from hanse.scan.python.values import Value


def test_origin() -> None:
    """A function's result is labelled with where it comes from."""
    assert origin("base64.b64decode", []) == {"decoded"}
    assert origin("requests.get", []) == {"fetched"}
    assert origin("open", [Value(None, "/etc/x")]) == {"file:/etc/x"}
    assert origin("print", []) == frozenset()


def test_plain() -> None:
    """Builtins have one name; a command's first word names its file."""
    assert plain_name("builtins.exec") == "exec"
    assert first_text(Value(None, ("a", "b"))) == "a"
    assert weight("a" * 640) == 10


def test_spelled() -> None:
    """Letters made one by one are a hidden text."""
    assert spelled(("a", "b")) == {"decoded"}
    assert spelled(("ab", "c")) == {"computed"}
    assert spelled(None) == frozenset()
