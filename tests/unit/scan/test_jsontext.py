"""JSON within bounds."""

from __future__ import annotations

import json

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.jsontext import MAX_DEPTH, NotJson, TooLarge, excerpts, parse
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def _walk(size: int = 1 << 20) -> Walk:
    return Walk(Budget(limits_for(size)), _nothing)


def test_a_document_is_read_as_python_reads_it() -> None:
    """Values, NaN and the last of duplicate keys are what Python's json gives."""
    data = b'{"a": [1, 2.5, null, true, "x\\n"], "b": {}, "a": 3}'
    assert parse(data, _walk()).value == json.loads(data)


def test_earlier_duplicates_are_kept_aside() -> None:
    """Readers differ in which duplicate counts, so every one of them is shown."""
    assert parse(b'{"a": 1, "b": 2, "a": 3, "a": 4}', _walk()).hidden == ({"a": 3}, {"a": 1})


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000, 3_000_000])
def test_nesting_is_refused_before_anything_recurses(depth: int) -> None:
    """Deep nesting is told by counting brackets, on every interpreter alike."""
    with pytest.raises(TooLarge, match=r"depth|values"):
        parse(b"[" * depth + b"]" * depth, _walk(depth))


def test_brackets_in_strings_do_not_count() -> None:
    """Only brackets outside strings nest, whatever is escaped in the strings."""
    text = json.dumps({"a": "[" * 1000 + '"\\' * 50})
    assert parse(text.encode(), _walk()).value == json.loads(text)


def test_integers_of_thousands_of_digits_do_not_raise() -> None:
    """A number too long for an integer is kept as text."""
    assert parse(b"[" + b"9" * 5000 + b"]", _walk()).value == ["9" * 300]


@pytest.mark.parametrize("data", [b"{", b"{}x", b'{"a":1,}', b"[1] [", b""])
def test_what_no_reader_accepts_is_not_json(data: bytes) -> None:
    """Broken documents are told apart from large ones."""
    with pytest.raises(NotJson):
        parse(data, _walk())


def test_json_lines_are_told_by_their_second_document() -> None:
    """One document a line is not one document."""
    assert parse(b'{"a": 1}\n{"a": 2}\n', _walk()).lines > 1


def test_excerpts_find_what_loaders_act_on_at_any_place() -> None:
    """The value of such a key is parsed though the document is not, also across pieces."""
    pad = b'{"x": "' + b"y" * (1024 * 1024 - 12) + b'", '
    data = pad + b'"chat_template": "{{ a }}", "auto_map": {"AutoModel": "m.M"}, "_target_": broken'
    found = list(excerpts(BytesSource(data), _walk(len(data))))
    assert found == [{"chat_template": "{{ a }}"}, {"auto_map": {"AutoModel": "m.M"}}, {"_target_": None}]


def test_a_key_written_with_escapes_is_seen() -> None:
    """Escaped letters in a key that loaders act on cannot be overlooked."""
    assert list(excerpts(BytesSource(b'{"\\u005ftarget_": "os.system"}'), _walk())) == [{"": None}]
