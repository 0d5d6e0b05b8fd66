"""Properties of the pickle machine: it agrees with the standard library on good streams, and bears everything else."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - test data is written with it, nothing is read
import pickletools
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.pickle import FAMILIES
from tests.support.pickles import seen, views

from hanse.scan.budget import limits_for
from hanse.scan.dispatch import extract
from hanse.scan.pickle import opcodes as op
from hanse.scan.source import BytesSource

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.binary().map(bytearray)
)
KEYS = st.text(max_size=5) | st.integers() | st.none()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner) | st.sets(KEYS) | st.frozensets(KEYS)
    ),
    max_leaves=40,
)
PROTOCOLS = st.integers(0, 5)
STREAMS = [sample.data[:3000] for family in FAMILIES.values() for sample in (*family.malicious, *family.benign)]
STANDARD = {"builtins", "__builtin__", "_codecs", "copy_reg", "copyreg"}


def dumped(value: object, protocol: int, dump: Callable[..., Any] = pickle.Pickler) -> bytes:
    """Return the stream that the standard library writes for a value."""
    buffer = io.BytesIO()
    dump(buffer, protocol).dump(value)
    return buffer.getvalue()


def operations(data: bytes) -> int:
    """Return how many opcodes the standard library sees."""
    return sum(1 for _ in pickletools.genops(data))


@settings(max_examples=50, deadline=None)
@given(PLAIN, PROTOCOLS)
def test_plain_values_do_nothing(value: object, protocol: int) -> None:
    """A stream of plain values ends with STOP, has every opcode counted, and imports nothing but the standard constructors."""
    data = dumped(value, protocol)
    (stream,) = seen(data, "stream")
    assert (stream["end"], stream["length"], stream["operations"]) == ("stop", len(data), operations(data))
    assert {one["module"] for one in seen(data, "import")} <= STANDARD


@settings(max_examples=20, deadline=None)
@given(PLAIN, PROTOCOLS)
def test_both_picklers_of_the_library(value: object, protocol: int) -> None:
    """Streams of the pickler in Python, with its frames and memo, and optimised ones, are followed as well."""
    for data in (dumped(value, protocol, pickle._Pickler), pickletools.optimize(dumped(value, protocol))):
        assert [one["end"] for one in seen(data, "stream")] == ["stop"]
        assert seen(data, "frame") == []


class Thing:
    """Something to import."""


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([Thing, len, io.BytesIO, dict, ValueError, Thing()])), PROTOCOLS)
def test_imports_are_those_of_pickletools(values: list[object], protocol: int) -> None:
    """What is imported is what GLOBAL says, and what was pushed before STACK_GLOBAL."""
    data = dumped(values, protocol)
    expected: set[str] = set()
    texts: list[str] = []
    memo: dict[int, str] = {}
    for one, argument, _ in pickletools.genops(data):
        if one.name == "GLOBAL":
            expected.add(str(argument))
        elif one.name == "STACK_GLOBAL":
            expected.add(" ".join(texts[-2:]))
        elif one.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else ""
        elif "UNICODE" in one.name:
            texts.append(str(argument))
        elif one.name in {"BINGET", "LONG_BINGET"} and argument in memo:
            texts.append(memo[argument])
    found = {f"{one['module']} {one['name']}" for one in seen(data, "import")}
    assert found == expected


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=60), st.lists(st.sampled_from(sorted(op.KNOWN)), max_size=60), st.sampled_from([b"", b"ca\nb\n(N}]K\x01)"])
)
def test_random_opcodes(tail: bytes, codes: list[int], start: bytes) -> None:
    """Any sequence of opcodes ends within the budget and without an error."""
    check(b"\x80\x04" + start + bytes(codes) + tail)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(STREAMS), st.data())
def test_damaged_streams(data: bytes, draw: st.DataObject) -> None:
    """A stream with bytes changed, left out or put in, or cut anywhere, ends within the budget and without an error."""
    at = draw.draw(st.integers(0, min(len(data), 400)))
    byte = bytes([draw.draw(st.integers(0, 255))])
    for damaged in (data[:at], data[:at] + byte + data[at + 1 :], data[:at] + byte + data[at:], data[:at] + data[at + 1 :]):
        check(damaged)


def check(data: bytes) -> None:
    """Raise AssertionError if reading `data` fails or spends more than allowed."""
    facts = extract(BytesSource(data))
    assert not [view.stopped for view in facts.views if (view.stopped or "").startswith("error")]
    assert all(used <= limits_for(len(data))[name] for name, used in facts.spent.items())


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 40_000), st.binary(max_size=2000))
def test_padding_hides_nothing(count: int, raw: bytes) -> None:
    """A payload is found behind any number of opcodes and behind any bytes that are pushed."""
    body = b"\x80\x02" + b"N0" * count + b"B" + len(raw).to_bytes(4, "little") + raw + b"0cposix\nsystem\n(tR."
    assert "posix system" in {one["callable"] for view in views(body) for one in (item.data for item in view.all("pickle.call"))}
