"""Small questions about values: what a function's result is labelled with, how a name is usually written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hanse.scan.python.origins import DECODERS, FETCHERS, HOST, PASSED, READERS, SOCKETS
from hanse.scan.python.parser import Node
from hanse.scan.python.values import UNKNOWN, Value


def items(value: Value) -> tuple[Any, ...]:
    """Return what a constant holds, one item unless it is a tuple."""
    return value.const if isinstance(value.const, tuple) else (value.const,)


def first_text(value: Value) -> str | None:
    """Return the text, or the first word, of what may name a file."""
    const = value.const[0] if isinstance(value.const, tuple) and value.const else value.const
    return const if isinstance(const, str) else None


def origin(name: str, arguments: list[Value]) -> frozenset[str]:
    """Return the labels that a function gives to its result."""
    if name in DECODERS:
        return frozenset({"decoded"})
    if name == "?.decode" and arguments and str(arguments[0].text()).lower().startswith(("rot", "hex", "base64", "zlib")):
        return frozenset({"decoded"})
    if name in FETCHERS:
        return frozenset({"fetched"})
    if name in HOST:
        return frozenset({"host"})
    if name in SOCKETS:
        return frozenset({"socket"})
    if name in READERS and arguments:
        return frozenset({f"file:{(arguments[0].text() or UNKNOWN)[:100]}"})
    return frozenset()


def handed_on(name: str, node: Node, parameters: Collection[str], stored: Collection[str]) -> bool:
    """Tell whether a call gets nothing but `*args` and `**kwargs` of the function it stands in, as they came."""
    if name.split(".", 1)[0] not in PASSED or not node.b:
        return False
    given = [value.a if keyword == "*" and value.kind == "name" else None for keyword, value in node.b]
    return all(one in parameters and one not in stored for one in given)


def plain_name(ref: str | None) -> str | None:
    """Return a name as it is usually written: without the module of builtins, and home directories as paths."""
    return ref.removeprefix("builtins.").removeprefix("__builtins__.") if ref is not None else None


def sliced(value: Any, nodes: list[Node], keys: list[Value]) -> Any:
    """Return a constant subscript; of slices only whole ones and reversed ones."""
    kinds = [node.kind for node in nodes]
    if kinds == ["colon", "colon", "const"] or (kinds[:2] == ["colon", "colon"] and len(kinds) == 3):
        return value[::-1] if keys[-1].const == -1 else None
    if (
        len(kinds) == 1
        and isinstance(keys[0].const, int)
        and not isinstance(value, bytes)
        and -len(value) <= keys[0].const < len(value)
    ):
        return value[keys[0].const]
    return value if "colon" in kinds and not isinstance(value, tuple) else None


def weight(value: Any) -> int:
    """Return what copying a constant costs, in operations."""
    return len(value) // 64 if isinstance(value, str | bytes | tuple) else 0


def spelled(const: Any) -> frozenset[str]:
    """Return the labels of what a comprehension made of constants: letters made one by one are a text that was hidden."""
    letters = isinstance(const, tuple) and len(const) > 1 and all(isinstance(one, str) and len(one) == 1 for one in const)
    return frozenset({"decoded"} if letters else {"computed"} if const else ())
