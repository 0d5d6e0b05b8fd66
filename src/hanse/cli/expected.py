"""What a node answers to a command, held against the form that is expected: a node is no more trusted than any other program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hanse.errors import PeerError

MAX_TEXT, MAX_ENTRIES, MAX_NUMBER = 4000, 20_000, 2**53
Form = type | tuple[Any, ...] | list[Any] | dict[Any, Any]
"""A type (text, whole number, number, truth); (form, None) where it may be missing; [form] of each entry; {name: form}, which may
have more names; {str: form} for any names."""

COUNT_NAMES = ("id", "planned", "done", "tokens", "spent")
JOB: dict[Any, Any] = {
    **dict.fromkeys(COUNT_NAMES, int),
    **dict.fromkeys(("name", "rev", "suite", "state", "says"), str),
    "cost": float,
    "record": (str, None),
}
_RECORD: dict[Any, Any] = {
    **dict.fromkeys(("member", "record", "weights", "level"), str),
    **dict.fromkeys(("score", "low", "high"), float),
    "n": int,
    "degenerate": bool,
    "agrees": {str: str},
    "disagrees": {str: str},
    "corrected": (dict.fromkeys(("value", "low", "high", "sensitivity", "specificity"), str), None),
}
_SUITE: dict[Any, Any] = {
    "suite": str,
    "name": str,
    "institutions": int,
    "numericsClasses": int,
    "medianLow": float,
    "medianHigh": float,
    "records": [_RECORD],
}
EVALUATIONS: dict[Any, Any] = {"rev": str, "suites": [_SUITE]}
SHOWN_FILES: dict[Any, Any] = {str: str}
"""Names of the files of a record -> whom they are shown to."""


def expected(found: Any, form: Form, what: str) -> Any:
    """Return what was found if it has the form; raises PeerError that says where it has not.

    Texts have at most 4,000 characters, lists and objects 20,000 entries, numbers lie within 2**53 of 0, whole ones from 0 on.
    """
    if isinstance(form, tuple):
        return None if found is None else expected(found, form[0], what)
    if isinstance(form, list):
        return [expected(one, form[0], f"{what}, entry {at}") for at, one in enumerate(_entries(found, list, what))]
    if isinstance(form, dict):
        return _object(_entries(found, dict, what), form, what)
    return _plain(found, form, what)


@contextmanager
def as_told(what: str) -> Iterator[None]:
    """Raise PeerError if the block finds an answer in another form than it reads: for long answers, and those of many forms."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        said = printable(f"{type(error).__name__}: {error}")[:100]
        hint = "is it a node of this version?"
        raise PeerError(f"the node tells {what} in another form than expected: {said}", hint=hint) from error


def printable(found: Any) -> Any:
    """Return an answer with every text in it as it may be shown on a terminal; raises RecursionError for a deep one."""
    from hanse.cli.printable import clean

    if isinstance(found, str):
        return clean(found)
    if isinstance(found, list):
        return [printable(one) for one in found]
    return {clean(name): printable(one) for name, one in found.items()} if isinstance(found, dict) else found


def _object(found: Mapping[str, Any], form: Mapping[Any, Any], what: str) -> dict[str, Any]:
    if str in form:
        return {_plain(name, str, what): expected(one, form[str], f"{what}, {name[:60]!r}") for name, one in found.items()}
    for name, one in form.items():
        if name not in found and not isinstance(one, tuple):
            raise PeerError(f"the node does not tell {what}: {name!r} is missing", hint="is it a node of this version?")
    return dict(found) | {name: expected(found[name], form[name], f"{what}, {name!r}") for name in form if name in found}


def _entries(found: Any, kind: type, what: str) -> Any:
    if not isinstance(found, kind) or not isinstance(found, (list, dict)) or len(found) > MAX_ENTRIES:
        called = "a list" if kind is list else "an object"
        raise PeerError(
            f"the node tells {what} not as {called} of at most {MAX_ENTRIES:,} entries", hint="is it a node of this version?"
        )
    return found


def _plain(found: Any, kind: type, what: str) -> Any:
    if kind is str:
        fits = isinstance(found, str) and len(found) <= MAX_TEXT
    elif kind is bool:
        fits = type(found) is bool
    else:
        kinds = (int,) if kind is int else (int, float)
        fits = type(found) in kinds and (0 if kind is int else -MAX_NUMBER) <= found <= MAX_NUMBER
    if not fits:
        names = {str: f"a text of at most {MAX_TEXT:,} characters", bool: "true or false", int: "a whole number from 0 on"}
        wanted = names.get(kind, "a number")
        raise PeerError(f"the node tells {what} not as {wanted} but as {str(found)[:60]!r}", hint="is it a node of this version?")
    return found
