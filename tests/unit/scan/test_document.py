"""Structured text is told by content and shown to every reader of configurations."""

from __future__ import annotations

import json

import pytest
from tests.support.judging import judged, rules_of

from hanse.scan.document import claims_json
from hanse.scan.source import BytesSource


@pytest.mark.parametrize("data", [b"{}", b' \n{"a": 1}', b"[1]", b"[]", b"[[1]]", b'[{"a"', '{"a": 1}'.encode("utf-16"), b"{\n}"])
def test_json_is_told_by_how_it_begins(data: bytes) -> None:
    """Objects and arrays count, in every encoding; what follows is not looked at."""
    assert claims_json(data, BytesSource(data))


@pytest.mark.parametrize("data", [b"{% if a %}", b"{{ a }}", b"[section]\na = 1", b"[a link](b)", b"plain", b"\x80\x04}", b""])
def test_templates_and_prose_are_not_json(data: bytes) -> None:
    """Braces and brackets begin many other things."""
    assert not claims_json(data, BytesSource(data))


def test_both_of_two_duplicates_are_judged() -> None:
    """A reader that takes the first value is as good as one that takes the last."""
    found = judged(b'{"_target_": "os.system", "_target_": "torch.nn.Linear"}', "config.json")
    assert rules_of(found) == {"TARGET-DENIED", "JSON-DUPLICATE-KEY"}


def test_large_documents_are_searched_and_no_reason_to_hold() -> None:
    """A vocabulary too large to parse is safe, unless it has a key that loaders act on."""
    data = b'{"v": [' + b'"token",' * 400_000 + b'"x"]'
    assert judged(data + b"}", "tokenizer.json").verdict.value == "safe"
    assert rules_of(judged(data + b', "_target_": "os.system"}', "tokenizer.json")) == {"TARGET-DENIED"}
    assert rules_of(judged(data + b', "_target_": {', "tokenizer.json")) == {"JSON-UNREAD"}


def test_broken_json_under_its_name_needs_caution() -> None:
    """A file that no reader accepts is not safe; the same text elsewhere is just text."""
    assert rules_of(judged(b'{"a": ', "x.json")) == {"JSON-MALFORMED"}
    assert "JSON-MALFORMED" not in rules_of(judged(b'{"a": ', "x.txt"))


def test_what_begins_like_json_is_read_as_yaml_too() -> None:
    """YAML's flow style allows what JSON does not."""
    assert "TARGET-DENIED" in rules_of(judged(b'{"a": {_target_: os.system}}', "x.yaml"))


def test_deep_nesting_is_suspicious_and_lines_are_not() -> None:
    """Thousands of brackets break readers; one document a line is a data set."""
    assert rules_of(judged(b"[" * 5000 + b"]" * 5000, "x.json")) == {"JSON-DEEP"}
    lines = "\n".join(json.dumps({"_target_": "os.system"}) for _ in range(3))
    assert judged(lines.encode(), "data.jsonl").verdict.value == "safe"


def test_large_configurations() -> None:
    """In a document that is too large to parse, null and repeated values are nothing to fear; a hundred different ones are."""
    layer = '{"class_name": "Dense", "registered_name": null, "config": {"k": [' + "1," * 200 + "1]}},"
    body = ('{"layers": [' + layer * 40_000).encode()
    assert len(body) > 16 * 1024 * 1024
    assert rules_of(judged(body + b"0]}", "config.json")) == set()
    many = ",".join(f'{{"registered_name": "x>{number}"}}' for number in range(100)).encode()
    assert "JSON-UNREAD" in rules_of(judged(body + many + b"]}", "config.json"))
