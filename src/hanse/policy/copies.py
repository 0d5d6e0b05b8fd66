"""How many copies of a revision there shall be: `copies.toml`, of a federation or of a node alone.

    copies = 3                      # unless a rule says otherwise

    [[rule]]                        # the first rule that fits decides
    repo = "uni-a/*"                # shell pattern over namespace/name, any case; datasets/… for datasets
    over = 1000000000               # bytes: only revisions above this size
    under = 500000000000            # bytes: only revisions below this size
    licence = "apache-2.0"          # shell pattern over the licence that the model card names
    pinned = true                   # only what this node's operator pinned
    copies = 5

The home's own copy counts. 0 and 1 mean that nobody else holds it. Pure: text in, rules out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.model.repo import RepoId, RepoType
from hanse.policy.placement import MAX_COPIES

DEFAULT_COPIES = 3
MAX_RULES = 1000
MAX_BYTES = 256 * 1024
MAX_PATTERN = 256
_NUMBERS = {"copies": MAX_COPIES, "over": 2**53 - 1, "under": 2**53 - 1}
_TEXTS = ("repo", "licence")
_FIELDS = frozenset({*_NUMBERS, *_TEXTS, "pinned"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what is None fits everything."""

    copies: int
    repo: str | None = None
    over: int | None = None
    under: int | None = None
    licence: str | None = None
    pinned: bool | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at. size (bytes) and licence: None while they are not known yet; licence: "" for none."""

    repo: RepoId
    size: int | None = None
    licence: str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Copies:
    """All rules. copies: where none fits."""

    copies: int = DEFAULT_COPIES
    rules: tuple[Rule, ...] = ()

    def target(self, subject: Subject) -> int:
        """Return how many copies are wanted; while something is not known, the most that any rule could come to."""
        most = 0
        for rule in self.rules:
            fits = _fits(rule, subject)
            if fits:
                return max(most, rule.copies)
            if fits is None:
                most = max(most, rule.copies)
        return max(most, self.copies)


def _fits(rule: Rule, subject: Subject) -> bool | None:
    """Tell whether a rule fits; None if that depends on what is not known."""
    if rule.repo is not None and not matches(rule.repo, subject.repo):
        return False
    if rule.pinned is not None and rule.pinned != subject.pinned:
        return False
    unknown = False
    if rule.over is not None or rule.under is not None:
        if subject.size is None:
            unknown = True
        elif not (-1 if rule.over is None else rule.over) < subject.size < (2**63 if rule.under is None else rule.under):
            return False
    if rule.licence is not None:
        if subject.licence is None:
            unknown = True
        elif not fnmatchcase(subject.licence.lower(), rule.licence.lower()):
            return False
    return None if unknown else True


def matches(pattern: str, repo: RepoId) -> bool:
    """Tell whether a shell pattern names a repository: `namespace/name` of a model, `datasets/namespace/name` of a dataset."""
    named = repo.folded if repo.type is RepoType.MODEL else f"{repo.type.plural}/{repo.folded}"
    return fnmatchcase(named, pattern.lower())


def parse_copies(text: str) -> Copies:
    """Return the rules in a `copies.toml`; raises BadFormat or TooLarge for what is none."""
    if len(text.encode()) > MAX_BYTES:
        raise TooLarge(f"rules for copies have at most {MAX_BYTES:,} bytes")
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadFormat(f"the rules for copies do not parse: {error}") from error
    if odd := sorted(told.keys() - {"copies", "rule"}):
        raise BadFormat(f"rules for copies have copies and [[rule]], got {odd[0][:60]!r}")
    rows = told.get("rule", [])
    if type(rows) is not list or len(rows) > MAX_RULES:
        raise BadFormat(f"[[rule]] is a list of at most {MAX_RULES} tables")
    return Copies(_number(told, "copies", DEFAULT_COPIES), tuple(_rule(one) for one in rows))


def _rule(told: Any) -> Rule:
    if type(told) is not dict or "copies" not in told or (odd := sorted(told.keys() - _FIELDS)):
        named = f", got {odd[0][:60]!r}" if type(told) is dict and "copies" in told else ""
        raise BadFormat(f"a rule has copies, and of {', '.join(sorted(_FIELDS - {'copies'}))} what it needs{named}")
    for name in _TEXTS:
        value = told.get(name)
        if value is not None and (type(value) is not str or not 1 <= len(value) <= MAX_PATTERN or value.count("*") > 8):
            raise BadFormat(f"{name} of a rule is a pattern of at most {MAX_PATTERN} characters and 8 stars")
    if told.get("pinned") is not None and type(told["pinned"]) is not bool:
        raise BadFormat("pinned of a rule is true or false")
    over, under = (None if told.get(name) is None else _number(told, name, 0) for name in ("over", "under"))
    return Rule(_number(told, "copies", 0), told.get("repo"), over, under, told.get("licence"), told.get("pinned"))


def _number(told: Mapping[str, Any], name: str, default: int) -> int:
    value = told.get(name, default)
    if type(value) is not int or not 0 <= value <= _NUMBERS[name]:
        raise BadFormat(f"{name} is a whole number from 0 to {_NUMBERS[name]:,}, got {str(value)[:40]}")
    return value
