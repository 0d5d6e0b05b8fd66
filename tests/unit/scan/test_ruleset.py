"""Rulesets: complete, digested, and unable to reach anything but words."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from hanse.errors import BadFormat
from hanse.model.finding import Verdict
from hanse.scan.ruleset import Hit, compile_ruleset, parse_ruleset, read_ruleset


def rule(**changes: Any) -> dict[str, Any]:
    """Return a complete rule with some parts changed."""
    texts = dict.fromkeys(("title", "remedy", "meaning", "source", "example"), "text")
    return {"id": "ZIP-ODD", "severity": "suspicious", "says": "{member} calls {callable} {x.y} {n}", **texts, **changes}


def test_sentences_are_filled_with_words_only() -> None:
    """A template reaches the words of a hit, never their attributes, and unknown names show as such."""
    rules = parse_ruleset([{"version": "1", "rule": [rule()]}])
    finding = rules.finding(Hit("ZIP-ODD", "m", 3, "os system", words={"n": "{callable}"}))
    assert finding.says == "m calls os system {x.y} {callable}"
    assert (finding.severity, finding.offset) == (Verdict.SUSPICIOUS, 3)
    assert rules.finding(Hit("ZIP-ODD", severity=Verdict.CAUTION)).severity is Verdict.CAUTION


def test_the_digest_covers_everything() -> None:
    """Another word, list entry or version gives another digest; the order of parts does not matter for one content."""
    base: dict[str, Any] = {"version": "1", "rule": [rule()], "data": {"zip": {"names": ["a"]}}}
    digests = {
        parse_ruleset([base]).digest,
        parse_ruleset([{**base, "version": "2"}]).digest,
        parse_ruleset([{**base, "rule": [rule(title="other")]}]).digest,
        parse_ruleset([{**base, "data": {"zip": {"names": ["b"]}}}]).digest,
    }
    assert len(digests) == 4
    apart: list[dict[str, Any]] = [{"data": base["data"]}, {"version": "1", "rule": [rule()]}]
    assert parse_ruleset(apart).digest == parse_ruleset([base]).digest


def test_lists_are_sets() -> None:
    """A list of the data is looked up as a set; one that is not there is empty."""
    rules = parse_ruleset([{"version": "1", "rule": [rule()], "data": {"zip": {"names": ["a", "b"]}}}])
    assert rules.names("zip", "names") == {"a", "b"} == rules.names("zip", "names")
    assert rules.names("tar", "names") == frozenset()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"version": "1"}],
        [{"rule": [rule()]}],
        [{"version": "1", "rule": [rule(), rule()]}],
        [{"version": "1", "rule": [rule(severity="bad")]}],
        [{"version": "1", "rule": [rule(id="odd")]}],
        [{"version": "1", "rule": [rule(meaning=" ")]}],
        [{"version": "1", "rule": [{"id": "A-B"}]}],
        [{"version": "1", "rule": [rule()], "data": {"a": {}}}, {"data": {"a": {}}}],
    ],
)
def test_incomplete_rulesets_are_refused(parts: list[dict[str, Any]]) -> None:
    """A rule without all its texts, an unknown severity, doubles: all are refused."""
    with pytest.raises(BadFormat):
        parse_ruleset(parts)


def test_the_compiled_form_is_the_ruleset() -> None:
    """Compiled bytes read back to the same rules, their SHA-256 is the digest, and anything else is refused."""
    compiled = compile_ruleset([{"version": "1", "rule": [rule()], "data": {"zip": {"names": ["a"]}}}])
    again = read_ruleset(compiled)
    assert again.digest == hashlib.sha256(compiled).hexdigest()
    assert again.rules["ZIP-ODD"].title == "text"
    for broken in (b"", b"[]", b"{}", b'{"version":"1","rules":{"A":{}},"data":{}}', b"[" * 100_000):
        with pytest.raises(BadFormat):
            read_ruleset(broken)
