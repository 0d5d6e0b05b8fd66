"""Rulesets: versioned data that turns facts into findings; its digest is part of every verdict."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hanse.errors import BadFormat
from hanse.model.canonical import canonical
from hanse.model.finding import Finding, Verdict

_FIELD = re.compile(r"\{(\w{1,40})\}")
_RULE_ID = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+")
_TEXTS = ("title", "says", "remedy", "meaning", "source", "example")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    says, remedy: sentences with {names} of what was found; meaning: for `hanse scan explain`; source: where it is from (advisory,
    paper, specification); refs: CVE, CWE, GHSA ids; example: what triggers it.
    """

    id: str
    severity: Verdict
    title: str
    says: str
    remedy: str
    meaning: str
    source: str
    example: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that applies.

    at: offset in `member`; words: what fills the rule's sentences; severity: instead of the rule's own.
    """

    rule: str
    member: str = ""
    at: int | None = None
    callable: str | None = None
    profile: str | None = None
    severity: Verdict | None = None
    words: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules and the lists they use.

    data: free tables, first key the area (`pickle`, `template` ...); digest: sha256 hex of the canonical JSON of everything.
    """

    version: str
    rules: Mapping[str, Rule]
    data: Mapping[str, Any]
    digest: str
    _sets: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def names(self, area: str, key: str) -> frozenset[str]:
        """Return the list `data[area][key]` as a set; empty if the ruleset has none."""
        found = self._sets.get(f"{area}.{key}")
        if found is None:
            found = self._sets[f"{area}.{key}"] = frozenset(self.data.get(area, {}).get(key, ()))
        return found

    def finding(self, hit: Hit) -> Finding:
        """Return the finding that a hit means; raises KeyError for a rule that the ruleset does not have."""
        rule = self.rules[hit.rule]
        words = {"callable": hit.callable or "", "member": hit.member, **hit.words}
        return Finding(
            rule=rule.id,
            severity=hit.severity or rule.severity,
            says=_fill(rule.says, words),
            remedy=_fill(rule.remedy, words),
            member=hit.member,
            offset=hit.at,
            callable=hit.callable,
            profile=hit.profile,
            refs=rule.refs,
        )


def _fill(template: str, words: Mapping[str, object]) -> str:
    """Put words into {names}; no attribute, index or format of a word can be reached, templates may come from others."""
    return _FIELD.sub(lambda match: str(words.get(match[1], "?"))[:300], template)


def compile_ruleset(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the canonical bytes of the ruleset made of parts, each {version?, rule: [...], data: {...}}; raises BadFormat.

    A rule id or data area occurs once; one part names the version. `hanse/rules/ruleset.json` is this of the TOML files beside
    it, since reading it is many times faster.
    """
    version = ""
    rules: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for part in parts:
        version = str(part.get("version", version))
        for one in part.get("rule", []):
            rule = _rule(one)
            if rule.id in rules:
                raise BadFormat(f"rule {rule.id} is defined twice")
            rules[rule.id] = dict(one)
        for area, table in part.get("data", {}).items():
            if area in data:
                raise BadFormat(f"ruleset data {area!r} is defined twice")
            data[area] = table
    if not version or not rules:
        raise BadFormat("a ruleset needs a version and at least one rule", hint="see docs/scanner.md")
    return canonical({"version": version, "rules": rules, "data": data})


def read_ruleset(compiled: bytes) -> Ruleset:
    """Return the ruleset in the bytes of `compile_ruleset`, which are not checked to be canonical again; raises BadFormat."""
    try:
        value = json.loads(compiled)
        rules = {name: _rule(one) for name, one in value["rules"].items()}
        return Ruleset(str(value["version"]), rules, value["data"], hashlib.sha256(compiled).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFormat(f"no compiled ruleset: {str(error)[:200]}") from error


def parse_ruleset(parts: Iterable[Mapping[str, Any]]) -> Ruleset:
    """Return the ruleset made of parts, as `compile_ruleset` puts them together; raises BadFormat."""
    return read_ruleset(compile_ruleset(parts))


def _rule(value: Mapping[str, Any]) -> Rule:
    try:
        texts = {name: str(value[name]).strip() for name in _TEXTS}
        rule = Rule(
            id=str(value["id"]), severity=Verdict(value["severity"]), refs=tuple(map(str, value.get("refs", ()))), **texts
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadFormat(f"rule {str(value.get('id', '?'))[:60]!r} lacks or misstates {error}") from error
    if not _RULE_ID.fullmatch(rule.id) or not all(texts.values()):
        raise BadFormat(f"rule {rule.id[:60]!r} needs an id such as PICKLE-CALL-DENIED and a text in each of {', '.join(_TEXTS)}")
    return rule
