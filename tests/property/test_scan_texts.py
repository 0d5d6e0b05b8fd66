"""Hostile text formats and headers: whatever the bytes, the scan ends within its budget and says what it is."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.samples.texts import ESCAPES, FAMILIES, TOOLS, gguf, safetensors

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Coverage
from hanse.scan import jinjaparse
from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import extract
from hanse.scan.jsontext import NotJson, TooLarge, parse
from hanse.scan.source import BytesSource, Source
from hanse.scan.verdict import judge
from hanse.scan.walk import Walk

MAX_SEED = 20_000


@cache
def _seeds() -> list[bytes]:
    samples = (sample for family in FAMILIES.values() for sample in (*family.malicious, *family.benign, *family.malformed))
    return [sample.data for sample in samples if len(sample.data) <= MAX_SEED]


def _ends(data: bytes) -> None:
    facts = extract(BytesSource(data))
    limits = limits_for(len(data))
    assert all(spent <= limits[name] for name, spent in facts.spent.items())
    assert judge(facts, "model.bin", builtin_ruleset()).coverage is not Coverage.ERROR


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_and_flipped_files_never_break_the_scan(data: st.DataObject) -> None:
    """Truncations and changed bytes of every sample are read without an error of the scanner's own."""
    seed = data.draw(st.sampled_from(_seeds()))
    changed = bytearray(seed[: data.draw(st.integers(0, len(seed)))])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, max(len(changed) - 1, 0)), st.integers(0, 255)), max_size=8)):
        if changed:
            changed[at] = value
    _ends(bytes(changed))


_PIECES = st.sampled_from(
    [
        *ESCAPES.values(),
        *TOOLS.splitlines(),
        "{% if a %}",
        "{% endif %}",
        "{% for a in 'xy' %}",
        "{% endfor %}",
        "{% set a = a ~ 'b' %}",
        "(",
        "{{",
        "'",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_PIECES | st.text(max_size=12), max_size=25))
def test_templates_of_any_pieces_are_read_or_refused(pieces: list[str]) -> None:
    """Any text is a template, or is not one for a stated reason."""
    text = "".join(pieces)
    try:
        jinjaparse.fingerprint(jinjaparse.parse(text))
    except jinjaparse.Unparsed:
        event("refused")
    _ends(text.encode("utf-8", "surrogatepass"))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=30,
)


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


@settings(max_examples=100, deadline=None)
@given(_VALUES, st.booleans())
def test_json_is_read_as_python_reads_it(value: object, ascii_only: bool) -> None:
    """Whatever Python writes is read as Python reads it."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    walk = Walk(Budget(limits_for(len(text))), _nothing)
    again = parse(text.encode("utf-8", "surrogatepass"), walk).value
    assert ascii_only is False or json.dumps(again) == json.dumps(json.loads(text))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_not(data: bytes) -> None:
    """Bytes that are no JSON end in one of two errors."""
    try:
        parse(data, Walk(Budget(limits_for(len(data))), _nothing))
    except (NotJson, TooLarge):
        return


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120), st.binary(max_size=120), st.dictionaries(st.text(max_size=9), _VALUES, max_size=4))
def test_headers_of_any_content_are_read(first: bytes, second: bytes, header: dict[str, object]) -> None:
    """GGUF and safetensors headers with anything in them, and anything behind them."""
    _ends(b"GGUF\x03\x00\x00\x00" + first + second)
    _ends(gguf({"tokenizer.chat_template": "{{ a }}"})[: 30 + len(first)] + second)
    _ends(safetensors(json.dumps(header), first))
