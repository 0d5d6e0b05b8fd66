"""Shapes of arguments: whether a call's arguments look like what its library writes, and short descriptions of them.

A shape is a list of tokens, one for each argument: alternatives between `|`, `?` for an argument that may be missing, `*` (the
last one) for any number of them. Tokens: none, bool, int, num, str, bytes, tuple, list, set, dict; word (a short text without
slashes or quotes), name (a plain identifier, dotted, without leading underscores), path (a relative path), ints (a tuple of
integers), map (a dict or an ordered one), import (any imported name), class (an imported name that could be a class), obj (the
result of a call), storage (what a persistent id stands for), data (anything but imports), any, `=a,b` (one of these texts),
`~a,b` (one of these texts, or one that was not kept), `g:prefix` (an imported name that begins so).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_WORD = re.compile(r"[\w.+: -]{0,64}", re.ASCII)
_BLANK = re.compile(r"\s")
_NAME = re.compile(r"(?!_)[A-Za-z][A-Za-z0-9_]*(\.(?!_)[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)
_PATH = re.compile(r"(?!/)(?!.*\.\.)[\w./+-]{1,100}", re.ASCII)
_LIKE_A_PLACE = re.compile(r"[/\\;|&$`<>\n]")
_LIKE_CODE = re.compile(r"__\w+__|\bimport\b|[;`]|\b(eval|exec|system|open|getattr|lambda)\b *\(?.*[(:]", re.ASCII)
MAX_NESTED = 4


def kind(value: Any) -> str:
    """Return what a value is: none, bool, int, float, str, bytes, tuple, list, dict, set, import, obj, storage or unknown."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, list):
        return "tuple"
    if isinstance(value, dict):
        if "t" in value:
            return _ROUGH.get(str(value["t"]), str(value["t"]))
        if "k" in value:
            return _ROUGH.get(str(value["k"]), str(value["k"]))
        return next((name for key, name in _KEYS.items() if key in value), "unknown")
    return "unknown"


_ROUGH = {"bytearray": "bytes", "buffer": "bytes", "frozenset": "set"}
_KEYS = {"s": "str", "f": "float", "b": "bytes", "g": "import", "c": "obj", "i": "obj", "p": "storage"}


def renamed(value: Any, rename: Callable[[str], str], depth: int = 6) -> Any:
    """Return a value whose imports and results have the names that `rename` gives them."""
    if isinstance(value, list):
        return [renamed(item, rename, depth - 1) for item in value] if depth else []
    if isinstance(value, dict):
        names = {key: rename(str(value[key])) for key in ("g", "c", "of") if value.get(key)}
        links = value.get("links")
        if isinstance(links, dict) and depth:
            return {**value, "links": {key: renamed(item, rename, depth - 1) for key, item in links.items()}}
        return {**value, **names}
    return value


def text(value: Any) -> str | None:
    """Return the text that a value is, None if it is none or not known."""
    return str(value["s"]) if isinstance(value, dict) and "s" in value else None


def imported(value: Any) -> str:
    """Return the `module name` that a value is, nothing if it is no import."""
    return str(value["g"]) if isinstance(value, dict) and "g" in value else ""


def imports_in(value: Any, depth: int = MAX_NESTED) -> Iterator[str]:
    """Yield the imported names inside a value."""
    if isinstance(value, list):
        for item in value if depth else ():
            yield from imports_in(item, depth - 1)
    elif isinstance(value, dict):
        if "g" in value:
            yield str(value["g"])
        links = value.get("links")
        for item in links.values() if depth and isinstance(links, dict) else ():
            yield from imports_in(item, depth - 1)


def texts_in(value: Any, depth: int = MAX_NESTED) -> Iterator[str]:
    """Yield the texts inside a value, without those of containers."""
    if isinstance(value, list):
        for item in value if depth else ():
            yield from texts_in(item, depth - 1)
    elif isinstance(value, dict) and "s" in value:
        yield str(value["s"])


def like_a_place(value: Any) -> bool:
    """Tell whether texts in a value could name a path, an address or a command."""
    return any(_LIKE_A_PLACE.search(one) for one in texts_in(value))


def like_code(value: Any) -> bool:
    """Tell whether texts in a value could be a program."""
    return any(_LIKE_CODE.search(one) for one in texts_in(value))


def simple(value: Any) -> bool:
    """Tell whether a value is a plain scalar, a short word, an object of the stream or a tuple of these."""
    if isinstance(value, list):
        return all(map(simple, value))
    if kind(value) == "str":
        found = text(value)
        return found is not None and _WORD.fullmatch(found) is not None and not _BLANK.search(found)
    return kind(value) in {"none", "bool", "int", "float", "obj", "storage"}


def fits(tokens: list[str], args: Any, could_be_class: Callable[[str], bool]) -> bool:
    """Tell whether arguments have a shape. args: list of values; anything else was not kept and fits nothing but `any*`."""
    wanted = list(tokens[1:] if tokens[:1] == ["!"] else tokens)
    if not isinstance(args, list):
        return wanted == ["any*"] or kind(args) == "unknown"
    given = [one for one in args if not (isinstance(one, dict) and "more" in one)]
    for number, token in enumerate(wanted):
        if token.endswith("*"):
            return all(_one(token[:-1], value, could_be_class) for value in given[number:])
        if number >= len(given):
            return all(rest.endswith(("?", "*")) for rest in wanted[number:])
        if not _one(token.removesuffix("?"), given[number], could_be_class):
            return False
    return len(given) <= len(wanted) and len(given) == len(args)


def partly_known(args: Any) -> bool:
    """Tell whether some arguments were kept by their kind alone, because the stream has many different ones."""
    return not isinstance(args, list) or any(isinstance(one, dict) and not {"t", "more", "u"}.isdisjoint(one) for one in args)


def _one(alternatives: str, value: Any, could_be_class: Callable[[str], bool]) -> bool:
    return any(_token(token, value, could_be_class) for token in alternatives.split("|"))


def _token(token: str, value: Any, could_be_class: Callable[[str], bool]) -> bool:
    if token.startswith("="):
        return text(value) in token[1:].split(",")
    if token.startswith("~"):
        return text(value) in token[1:].split(",") or (kind(value) == "str" and text(value) is None)
    if token.startswith("g:"):
        return imported(value).startswith(token[2:])
    if token in _CLASS:
        return bool(imported(value)) and could_be_class(imported(value))
    check = _CHECKS.get(token)
    return kind(value) == token if check is None else check(value)


def _ints(value: Any) -> bool:
    if isinstance(value, list):
        return all(
            (isinstance(one, int) and not isinstance(one, bool)) or (isinstance(one, dict) and one.get("t") == "int")
            for one in value
        )
    return isinstance(value, dict) and (value.get("t") == "tuple" or value.get("c") == "torch Size")


def _matches(pattern: re.Pattern[str], like: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        found = text(value)
        if isinstance(value, dict) and like in value.get("like", ()):
            return True
        return found is not None and pattern.fullmatch(found) is not None

    return check


_CLASS = frozenset({"class"})
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _value: True,
    "data": lambda value: kind(value) != "import",
    "num": lambda value: kind(value) in {"int", "float", "bool"},
    "word": _matches(_WORD, "word"),
    "name": _matches(_NAME, "name"),
    "path": _matches(_PATH, "path"),
    "ints": _ints,
    "map": lambda value: kind(value) == "dict" or (kind(value) == "obj" and value.get("c", "").startswith("collections ")),
    "storage": lambda value: kind(value) in {"storage", "obj"},
}


def described(args: Any) -> str:
    """Return arguments as one short line for people."""
    if not isinstance(args, list):
        return _short(args)
    return ", ".join(map(_short, args[:6])) + (", ..." if len(args) > 6 else "")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"({described(value)})" if len(value) < 5 else f"{len(value)} values"
    if isinstance(value, dict):
        if "s" in value:
            return repr(str(value["s"])[:60])
        for key in ("g", "c", "i"):
            if value.get(key):
                return str(value[key]).replace(" ", ".")
        if "f" in value:
            return str(value["f"])
        return f"{value['b']} bytes" if "b" in value else f"a {kind(value)}"
    return str(value)
