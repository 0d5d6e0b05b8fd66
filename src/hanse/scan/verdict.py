"""Verdicts: a pure function of (facts, path, ruleset)."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.model.finding import Coverage, Finding, Gap, Judgement, worst
from hanse.scan.dispatch import format_named
from hanse.scan.facts import Facts, View
from hanse.scan.formats import Context
from hanse.scan.limits import MACHINE, MACHINE_REASONS, judge_limits
from hanse.scan.repocode import is_packed, is_program
from hanse.scan.routing import judge_routing
from hanse.scan.ruleset import Hit, Ruleset

MAX_FINDINGS = 200


def judge(facts: Facts, path: str, rules: Ruleset) -> Judgement:
    """Return the verdict on a file of that name. path: in its repository, `/` between segments."""
    context = Context(path, facts, rules)
    gaps = tuple(
        _gap(view, view.stopped, context) for view in facts.views if view.stopped is not None and _matters(view, context)
    )
    found = {rules.finding(hit): None for hit in (*_hits(facts, context), *judge_limits(gaps))}
    findings = sorted(found, key=_order)
    return Judgement(
        path=path,
        size=facts.size,
        verdict=worst(finding.severity for finding in findings),
        coverage=_coverage(gaps),
        findings=tuple(findings[:MAX_FINDINGS]),
        formats=tuple(dict.fromkeys(view.format for view in facts.views if view.format != "file")),
        imports=_imports(facts),
        gaps=gaps[:MAX_FINDINGS],
        scanner=facts.scanner,
        ruleset=rules.digest,
        spent=facts.spent,
    )


def _hits(facts: Facts, context: Context) -> Iterator[Hit]:
    for view in facts.views:
        known = format_named(view.format)
        if known is not None:
            yield from known.judge(view, context)
    # Where a worker was ended nothing was seen, and so nothing disagrees with the name.
    if not any(view.stopped in MACHINE for view in facts.of("file")):
        yield from judge_routing(context)


def _matters(view: View, context: Context) -> bool:
    """Tell whether a view is judged at all: text that looks like a program is one only under the name of a program."""
    return view.format != "python" or is_program(context.name_of(view.member))


def _gap(view: View, reason: str, context: Context) -> Gap:
    """Return the gap of a view that stopped; programs in archives from which nobody runs them are executed by no loader."""
    idle = view.format == "python" and is_packed(view.member, context)
    return Gap(view.member, view.format, reason, view.executes and not idle)


def _order(finding: Finding) -> tuple[int, str, int, str, str]:
    """Sort the worst first, then by place, so that one set of findings has one order."""
    at = -1 if finding.offset is None else finding.offset
    return (-finding.severity.rank, finding.member, at, finding.rule, finding.says)


def _coverage(gaps: tuple[Gap, ...]) -> Coverage:
    if any(gap.reason.startswith(MACHINE_REASONS) for gap in gaps):
        return Coverage.ERROR
    return Coverage.INCONCLUSIVE if gaps else Coverage.COMPLETE


def _imports(facts: Facts) -> tuple[str, ...]:
    """Return the callables that pickles name, sorted: what the Hub shows as `pickleImportScan`."""
    seen = {f"{one.data['module']} {one.data['name']}" for view in facts.views for one in view.all("pickle.import")}
    return tuple(sorted(seen)[:MAX_FINDINGS])


def view_of(facts: Facts, format_name: str, member: str = "") -> View | None:
    """Return the view of a member as a format, if it was read so."""
    return next(facts.of(format_name, member), None)
