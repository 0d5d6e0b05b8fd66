"""What a scan says about a file: verdict, coverage, and findings that explain themselves.

Everything here has one canonical JSON form (`hanse.model.canonical`), without time, host or path of the machine, so that any
other institution that judges the same bytes gets the same digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """How bad a file is when a loader opens it, from `safe` to `malicious`; ordered by `rank`."""

    SAFE = "safe"
    CAUTION = "caution"
    SUSPICIOUS = "suspicious"
    MALICIOUS = "malicious"

    @property
    def rank(self) -> int:
        """Position in the order safe, caution, suspicious, malicious."""
        return _RANKS[self.value]


_RANKS = {"safe": 0, "caution": 1, "suspicious": 2, "malicious": 3}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of the verdicts, `safe` if there are none."""
    return max(verdicts, key=lambda one: one.rank, default=Verdict.SAFE)


class Coverage(str, Enum):
    """How much of a file the verdict rests on.

    complete: everything that a loader would act on was read; inconclusive: a budget in operations or bytes ran out, or a part
    cannot be read (encrypted, unknown compression); error: the scan itself failed, or ran out of time or memory. Errors depend
    on the machine, are never signed and never compared.
    """

    COMPLETE = "complete"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a verdict.

    rule: id of the rule, such as `PICKLE-CALL-UNKNOWN`; says: one plain sentence, what would happen at load; remedy: what would
    make it pass; member: path inside the file, nested ones joined by `!/`, empty for the file itself; offset: bytes from the
    start of that member; callable: what would be called; profile: loader profile that was applied; refs: CVE, CWE and GHSA ids.
    """

    rule: str
    severity: Verdict
    says: str
    remedy: str
    member: str = ""
    offset: int | None = None
    callable: str | None = None
    profile: str | None = None
    refs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; absent parts are left out."""
        found: dict[str, Any] = {"rule": self.rule, "severity": self.severity.value, "says": self.says, "remedy": self.remedy}
        optional = {"member": self.member, "callable": self.callable, "profile": self.profile, "refs": list(self.refs)}
        found |= {name: value for name, value in optional.items() if value}
        if self.offset is not None:
            found["offset"] = self.offset
        return found


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a file that was not judged.

    reason: a word such as `operations` or `encrypted`; executes: a loader could run it.
    """

    member: str
    format: str
    reason: str
    executes: bool

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"member": self.member, "format": self.format, "reason": self.reason, "executes": self.executes}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one file under one ruleset.

    formats: names of the formats it was read as; imports: callables that pickles in it name, as `module name`; gaps: what
    was not judged and why (not empty unless coverage is complete); spent: budget units used.
    """

    path: str
    size: int
    verdict: Verdict
    coverage: Coverage
    findings: tuple[Finding, ...]
    formats: tuple[str, ...]
    imports: tuple[str, ...]
    gaps: tuple[Gap, ...]
    scanner: str
    ruleset: str
    spent: Mapping[str, int] = field(default_factory=dict)

    @property
    def executes(self) -> bool:
        """Tell whether a gap lies in something that a loader could run."""
        return any(gap.executes for gap in self.gaps)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, whose canonical bytes are the evidence that institutions compare."""
        return {
            "path": self.path,
            "size": self.size,
            "verdict": self.verdict.value,
            "coverage": self.coverage.value,
            "findings": [finding.to_json() for finding in self.findings],
            "formats": list(self.formats),
            "imports": list(self.imports),
            "gaps": [gap.to_json() for gap in self.gaps],
            "scanner": self.scanner,
            "ruleset": self.ruleset,
            "spent": dict(self.spent),
        }


@dataclass(frozen=True, slots=True)
class RepositoryJudgement:
    """The verdict on all files of one revision together, under one ruleset.

    findings: their `member` is a path in the repository; verdict: the worst of them and of the files' own; reached: programs that
    loaders run, by path; files: how many were looked at.
    """

    verdict: Verdict
    coverage: Coverage
    findings: tuple[Finding, ...]
    reached: tuple[str, ...]
    files: int
    scanner: str
    ruleset: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, whose canonical bytes are the evidence that institutions compare."""
        return {
            "verdict": self.verdict.value,
            "coverage": self.coverage.value,
            "findings": [finding.to_json() for finding in self.findings],
            "reached": list(self.reached),
            "files": self.files,
            "scanner": self.scanner,
            "ruleset": self.ruleset,
        }
