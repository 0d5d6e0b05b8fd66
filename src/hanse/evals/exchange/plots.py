"""Plots as SVG: intervals on one scale, one row each. No scripts, no fonts or pictures from elsewhere; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LABEL, _PLOT, _VALUE, _ROW = 260, 380, 200, 22
_LETTERS = 33
MAX_ROWS = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a plot. value, low, high: in the plot's scale; says: beside it; warns: drawn so that it is seen."""

    label: str
    value: float
    low: float
    high: float
    says: str
    warns: bool = False


def intervals(
    title: str, lines: Sequence[Line], *, start: float = 0.0, end: float = 1.0, band: tuple[float, float] | None = None
) -> str:
    """Return a plot of intervals between `start` and `end`; band: a range that is shaded, such as a margin."""
    lines = lines[:MAX_ROWS]
    height = _ROW * (len(lines) + 1) + 24
    parts = [
        f'<div class="plot"><svg viewBox="0 0 {_LABEL + _PLOT + _VALUE} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    if band is not None:
        left, right = _at(band[0], start, end), _at(band[1], start, end)
        parts.append(f'<rect class="band" x="{left:.1f}" y="6" width="{right - left:.1f}" height="{_ROW * len(lines) + 6}"/>')
    parts += [_tick(start + (end - start) * at / 4, start, end, len(lines)) for at in range(5)]
    parts += [_row(at, line, start, end) for at, line in enumerate(lines)]
    return "".join([*parts, "</svg></div>"])


def _at(value: float, start: float, end: float) -> float:
    return _LABEL + _PLOT * (min(max(value, start), end) - start) / (end - start)


def _tick(value: float, start: float, end: float, rows: int) -> str:
    x, low = _at(value, start, end), _ROW * rows + 12
    text = f'<text class="tick" x="{x:.1f}" y="{low + 16}">{value:g}</text>'
    return f'<line class="grid" x1="{x:.1f}" y1="6" x2="{x:.1f}" y2="{low}"/>{text}'


def _row(at: int, line: Line, start: float, end: float) -> str:
    y = _ROW * at + 18
    low, high, value = (_at(one, start, end) for one in (line.low, line.high, line.value))
    kind = "warn" if line.warns else "good"
    label = line.label if len(line.label) <= _LETTERS else f"{line.label[: _LETTERS - 1]}\u2026"
    return (
        f'<g class="{kind}"><title>{escape(line.label)}: {escape(line.says)}</title>'
        f'<text class="label" x="{_LABEL - 10}" y="{y + 4}">{escape(label)}</text>'
        f'<line class="bar" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/><circle cx="{value:.1f}" cy="{y}" r="4"/>'
        f'<text x="{_LABEL + _PLOT + 12}" y="{y + 4}">{escape(line.says)}</text></g>'
    )
