"""`.gitignore` and the LFS lines of `.gitattributes`: which files of an upload are ignored, and which go to LFS.

Patterns come from whoever may write to a repository, so matching must stay cheap for hostile ones: a pattern is compared
segment by segment, each segment with `fnmatch.translate`, whose expressions never backtrack over more than one star. Rules
without wildcards and `*.ext` rules, the bulk of real files, are looked up instead of tried. Rules beyond the bounds below
are not considered, as git does with over-long lines. Semantics: gitignore(5) and gitattributes(5) for the file in the
repository's root.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from hanse.errors import TooLarge

MAX_RULES_BYTES = 1024 * 1024
MAX_LINE_CHARS = 2048
MAX_RULES = 50_000
MAX_WILD_RULES = 500
MAX_WILD_CHARS = 20_000
"""Characters of all patterns with wildcards together: making an expression takes some 30 microseconds per character."""
MAX_EFFORT = 8_000_000
"""Comparisons of a path segment with a pattern segment that ignore rules are good for, all paths together: a few seconds."""
MAX_LFS_EFFORT = 30_000
"""The same for LFS rules and one path; they are kept between requests."""
_WILD = frozenset("*?[\\")
T = TypeVar("T")


@lru_cache(maxsize=4096)
def _segment_regex(segment: str) -> re.Pattern[str]:
    """Return the expression for one segment; `[^…]` and backslash escapes are put in fnmatch's terms first."""
    out: list[str] = []
    at = 0
    while at < len(segment):
        if segment[at] == "\\" and at + 1 < len(segment):
            out.append(f"[{segment[at + 1]}]" if segment[at + 1] in _WILD else segment[at + 1])
            at += 2
        elif segment.startswith("[^", at):
            out.append("[!")
            at += 2
        else:
            out.append(segment[at])
            at += 1
    try:
        return re.compile(fnmatch.translate("".join(out)))
    except re.error:
        return re.compile(r"(?!)")  # such as a reversed range: git matches nothing either


def match_segments(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Tell whether a path matches a pattern, both split at `/`; a pattern segment `**` stands for any number of segments.

    Greedy with one resume point: the newest `**` takes one more segment each time, so the cost is bounded by
    len(pattern) * len(path).
    """
    p = s = 0
    star = -1
    resume = 0
    while s < len(path):
        if p < len(pattern) and pattern[p] == "**":
            star, resume = p, s
            p += 1
        elif p < len(pattern) and _segment_regex(pattern[p]).match(path[s]):
            p += 1
            s += 1
        elif star >= 0:
            resume += 1
            p, s = star + 1, resume
        else:
            return False
    return all(part == "**" for part in pattern[p:])


@dataclass
class RuleSet(Generic[T]):
    """Rules in order of lines, of which the last matching one counts; each carries a value.

    names, paths: rules without wildcards, by the last segment or by the whole path; suffixes: `*.ext` rules; wild: the rest.
    effort: comparisons left, of one segment of a path with one of a pattern.
    """

    names: dict[str, list[tuple[int, T]]] = field(default_factory=dict)
    paths: dict[str, list[tuple[int, T]]] = field(default_factory=dict)
    suffixes: dict[str, list[tuple[int, T]]] = field(default_factory=dict)
    wild: list[tuple[int, tuple[str, ...], bool, T]] = field(default_factory=list)
    count: int = 0
    wild_chars: int = 0
    effort: int = MAX_EFFORT

    def add(self, pattern: str, value: T) -> None:
        """Add a pattern (without trailing slash): anchored if it contains a slash, else it holds in every folder."""
        if self.count >= MAX_RULES:
            return
        self.count += 1
        anchored = "/" in pattern
        bare = pattern.removeprefix("/")
        rule = (self.count, value)
        if not bare:
            return
        if not _WILD.intersection(bare):
            (self.paths if anchored else self.names).setdefault(bare, []).append(rule)
        elif not anchored and bare.startswith("*.") and not _WILD.intersection(bare[1:]) and "." not in bare[2:]:
            self.suffixes.setdefault(bare[2:], []).append(rule)
        elif len(self.wild) < MAX_WILD_RULES and self.wild_chars + len(bare) <= MAX_WILD_CHARS:
            self.wild_chars += len(bare)
            segments = tuple(bare.split("/"))
            # A rule without a slash looks at the last segment only: folders above are looked at by themselves.
            self.wild.append((self.count, segments, anchored, value))

    def matches(self, path: str) -> Iterable[tuple[int, T]]:
        """Yield (line, value) of every rule that matches the path, in no particular order; raises TooLarge."""
        segments = tuple(path.split("/"))
        name = segments[-1]
        yield from self.names.get(name, ())
        yield from self.paths.get(path, ())
        _, dot, suffix = name.rpartition(".")
        if dot:
            yield from self.suffixes.get(suffix, ())
        for line, pattern, anchored, value in self.wild:
            self._spend(pattern, segments)
            if match_segments(pattern, segments if anchored else segments[-1:]):
                yield line, value

    def _spend(self, pattern: tuple[str, ...], segments: tuple[str, ...]) -> None:
        """Count the most comparisons that a rule can take; raises TooLarge."""
        deep = len(segments) if "**" in pattern else 1
        self.effort -= deep * min(len(pattern), len(segments))
        if self.effort < 0:
            raise TooLarge(
                "the patterns of .gitignore or .gitattributes take too long on these paths",
                hint="use fewer patterns with wildcards, or send fewer files at once",
            )


def _lines(text: str) -> Iterable[str]:
    for line in text[:MAX_RULES_BYTES].splitlines():
        if line.strip() and not line.startswith("#") and len(line) <= MAX_LINE_CHARS:
            yield line


class IgnoreRules:
    """The rules of a `.gitignore` text."""

    def __init__(self, text: str) -> None:
        self._rules: RuleSet[tuple[bool, bool]] = RuleSet()
        self._folders: dict[str, bool] = {}
        for raw in _lines(text):
            line = raw if raw.endswith("\\ ") else raw.rstrip(" ")
            negated = line.startswith("!")
            if negated or line.startswith(("\\#", "\\!")):
                line = line[1:]
            folder_only = line.endswith("/")
            self._rules.add(_trailing_star(line.rstrip("/")), (not negated, folder_only))

    def ignores(self, path: str) -> bool:
        """Tell whether the file at `path` is ignored, by itself or with a folder above it; raises TooLarge."""
        at = path.find("/")
        while at >= 0:
            folder = path[:at]
            hit = self._folders.get(folder)
            if hit is None:
                hit = self._folders[folder] = self._decide(folder, folder=True)
            if hit:
                return True
            at = path.find("/", at + 1)
        return self._decide(path, folder=False)

    def _decide(self, path: str, *, folder: bool) -> bool:
        hits = [(line, ignore) for line, (ignore, folder_only) in self._rules.matches(path) if folder or not folder_only]
        return max(hits)[1] if hits else False


def _trailing_star(pattern: str) -> str:
    """Return the pattern with a trailing `/**` as `/**/*`: it matches what is inside, not the folder itself."""
    return f"{pattern}/*" if pattern.endswith("/**") else pattern


class LfsRules:
    """The `filter` attribute of a `.gitattributes` text: lfs, explicitly not lfs, or unspecified."""

    def __init__(self, text: str) -> None:
        self._rules: RuleSet[bool | None] = RuleSet()
        for line in _lines(text):
            pattern, attributes = _split_attributes(line)
            if not pattern or pattern.startswith("!") or pattern.endswith("/"):
                continue  # negative patterns are forbidden there, and folder patterns match no file
            for attribute in attributes:
                if attribute in ("-filter", "!filter") or attribute.startswith("filter="):
                    value = None if attribute == "!filter" else attribute == "filter=lfs"
                    self._rules.add(_trailing_star(pattern), value)

    def lfs(self, path: str) -> bool | None:
        """Return True for `filter=lfs`, False for `-filter` or another filter, None where no line says anything.

        Raises TooLarge for patterns that take too long.
        """
        self._rules.effort = MAX_LFS_EFFORT
        hits = list(self._rules.matches(path))
        return max(hits, key=lambda hit: hit[0])[1] if hits else None


def _split_attributes(line: str) -> tuple[str, list[str]]:
    line = line.strip()
    if line.startswith('"'):
        pattern, _, rest = line[1:].partition('"')
        return pattern.replace('\\"', '"'), rest.split()
    parts = line.split()
    return parts[0], parts[1:]


def is_text(sample: bytes) -> bool:
    """Tell whether the first bytes of a file look like text: UTF-8, perhaps cut within a character, and no NUL."""
    if b"\0" in sample:
        return False
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(sample) and error.reason == "unexpected end of data"
    return True
