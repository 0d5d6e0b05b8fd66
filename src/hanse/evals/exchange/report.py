"""A report of runs that a person can read: one page of HTML with its plots, which loads nothing and runs nothing.

Names in records are by strangers: every text is escaped, and the page's own policy forbids scripts and addresses. Neither prompts
nor answers are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations

from hanse.evals.builtin import is_harmful
from hanse.evals.compare import Pairing, Verdict, pair
from hanse.evals.exchange.plots import Line, intervals
from hanse.evals.record import CheckedRun, compare
from hanse.evals.scorers.correction import calibration_of, corrected_json
from hanse.evals.statistics import rate_interval
from hanse.evals.suite import Suite

MAX_CLUSTERS = 40
MAX_PAIRS = 30
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1,h2,h3{line-height:1.2;overflow-wrap:anywhere}table{border-collapse:collapse;font-size:.9rem;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}th{white-space:nowrap}
tr{border-bottom:1px solid #ddd}td,li,p{overflow-wrap:anywhere}code{font-size:.85rem;overflow-wrap:anywhere}
.plot{overflow-x:auto}svg{display:block;width:100%;min-width:40rem;height:auto;font-size:13px;margin:.5rem 0}
.grid{stroke:#ccc}.tick{text-anchor:middle;fill:#555}.label{text-anchor:end}.bar{stroke:#0b5394;stroke-width:3}circle{fill:#0b5394}
.warn .bar{stroke:#b45f06}.warn circle{fill:#b45f06}.band{fill:#d9ead3}text{fill:#1a1a1a}.note{color:#444}
"""
_MEANS = {
    "local": "whoever ran it hashed these files and loaded them",
    "bound": "a member attests that these files answered",
    "claimed": "nobody saw which weights answered",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as a report shows it. digest: of its statement; signer: fingerprint of the key that signed it, "" for none."""

    run: CheckedRun
    suite: Suite
    digest: str
    signer: str


def page(runs: Sequence[Shown]) -> str:
    """Return the page about runs, suite by suite in the order in which they come."""
    suites: dict[str, list[Shown]] = {}
    for one in runs:
        suites.setdefault(one.suite.digest, []).append(one)
    body = "".join(_suite(group) for group in suites.values())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation report</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><h1>Evaluation report</h1>'
        '<p class="note">Bars are 95 % intervals; orange is a score within one item of 0 or 1, '
        "or of weights that nobody saw. The numbers of every record were recomputed from its item table when this "
        "page was written; the page itself proves nothing: the records do.</p>"
        f"{body}</body></html>\n"
    )


def _suite(runs: Sequence[Shown]) -> str:
    suite = runs[0].suite
    better = "lower is better" if suite.lower_is_better else "higher is better"
    lines = [_line(f"{one.run.record.name} ({one.run.record.evaluator})", one) for one in runs]
    return (
        f"<h2>{escape(suite.name)} {escape(suite.version)}</h2><p>{len(suite.items)} items, scored by "
        f"<code>{escape(' '.join(suite.scorer))}</code>; {better}; two runs agree within {suite.delta:g}. "
        f"<code>sha256:{suite.digest}</code></p>{intervals(f'Scores of {suite.name}', lines)}"
        f"{''.join(_facts(one) for one in runs)}{''.join(map(_clusters, runs))}{''.join(_pairs(runs))}"
    )


def _line(label: str, one: Shown) -> Line:
    score = one.run.record.score
    says = f"{float(score.value):.3f} [{float(score.low):.3f}, {float(score.high):.3f}]"
    warns = score.degenerate or one.run.record.weights.value == "claimed"
    return Line(label, float(score.value), float(score.low), float(score.high), says, warns)


def _facts(one: Shown) -> str:
    record = one.run.record
    ended = ", ".join(f"{count} {name}" for name, count in record.counts.items() if count and name != "total")
    flat = "; within one item of 0 or 1, where agreement says nothing" if record.score.degenerate else ""
    rows = [
        ("score", f"{record.score.value}, {record.score.low} to {record.score.high}, {record.score.clusters} clusters{flat}"),
        ("weights", f"{record.weights.value}: {_MEANS[record.weights.value]}; tree sha256:{record.model}"),
        ("evaluator", f"{record.evaluator}; {f'signed by key {one.signer}' if one.signer else 'not signed'}"),
        ("engine", _listed(record.numerics) or "not told"),
        ("hardware", _listed(record.hardware) or "not told"),
        ("run by", _listed(record.runner)),
        ("ended", ended),
        ("not told", ", ".join(record.gaps) or "nothing"),
        ("record", f"sha256:{one.digest}"),
    ]
    calibration = calibration_of(one.suite.scorer, harmful=is_harmful(one.suite))
    if calibration is not None:
        rows.insert(1, ("corrected", _corrected(corrected_json(calibration, record.score.to_json()))))
    cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<h3>{escape(record.name)}</h3><table>{cells}</table>"


def _listed(said: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value.strip()}" for name, value in said.items() if value.strip() not in ("", "not said"))


def _corrected(said: Mapping[str, str]) -> str:
    by = f"by the scorer's sensitivity {float(said['sensitivity']):.3f} and specificity {float(said['specificity']):.3f}"
    return f"{said['value']}, {said['low']} to {said['high']}: {by}, measured on labels in English"


def _clusters(one: Shown) -> str:
    """Return the plot of a run's clusters, where some have several items."""
    found: dict[str, list[float]] = {}
    for result in one.run.table.results().values():
        if result.outcome is not None:
            found.setdefault(result.cluster, []).append(result.outcome)
    if not 1 < len(found) <= MAX_CLUSTERS or max(map(len, found.values())) == 1:
        return ""
    lines = [_cluster(name, values) for name, values in sorted(found.items())]
    return f"<h4>By cluster: {escape(one.run.record.name)}</h4>{intervals(f'Clusters of {one.run.record.name}', lines)}"


def _cluster(name: str, values: Sequence[float]) -> Line:
    mean = sum(values) / len(values)
    bounds = rate_interval(values, [str(at) for at in range(len(values))], 0.95)
    return Line(name, mean, bounds.low, bounds.high, f"{mean:.3f}, {len(values)} items")


def _pairs(runs: Sequence[Shown]) -> Iterator[str]:
    """Yield what pairs of runs of one suite come to, and the plot of their differences."""
    lines, texts, delta = [], [], runs[0].suite.delta
    for first, second in list(combinations(runs, 2))[:MAX_PAIRS]:
        found = pair(first.run.table.results(), second.run.table.results(), first.suite.terms)
        if found is None:
            continue
        verdict = compare(first.run, second.run, first.suite)
        label = f"{second.run.record.name} \u2212 {first.run.record.name}"
        lines.append(_difference(label, found, agrees=verdict.verdict is Verdict.AGREES))
        why = f" ({', '.join(verdict.reasons)})" if verdict.reasons else ""
        said = "two models: nothing to reproduce" if "other-model" in verdict.reasons else f"{verdict.verdict.value}{why}"
        texts.append(f"<li>{escape(label)}: {escape(said)}; {found.agreement:.1%} of {found.n} items alike</li>")
    if lines:
        wide = min(1.0, max(4 * delta, *(max(abs(one.low), abs(one.high)) for one in lines)))
        plot = intervals("Differences", lines, start=-wide, end=wide, band=(-delta, delta))
        yield f"<h4>Differences</h4><p>90 % intervals; shaded: the suite's margin.</p>{plot}<ul>{''.join(texts)}</ul>"


def _difference(label: str, found: Pairing, *, agrees: bool) -> Line:
    says = f"{found.difference:+.3f} [{found.ci90.low:+.3f}, {found.ci90.high:+.3f}]"
    return Line(label, found.difference, found.ci90.low, found.ci90.high, says, warns=not agrees)
