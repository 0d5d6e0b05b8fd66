"""Results that somebody published elsewhere, as a statement: who passes them on says that they were claimed there, nothing more.

There are no items behind them, so that nothing can be recomputed, compared or reproduced. They are of a type of their own,
and no rule about evaluations is met by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanse.evals.exchange.log import told
from hanse.evals.fixed import fixed

CLAIM = "https://hanse/evaluation-claim/v1"


@dataclass(frozen=True, slots=True)
class Claim:
    """One result. dataset, task, metric: what it is of, as it is called there; value, low, high: fixed-point texts, "" unsaid."""

    dataset: str
    task: str
    metric: str
    value: str
    low: str
    high: str
    items: int
    date: str
    more: Mapping[str, str]

    @classmethod
    def of(
        cls,
        dataset: str,
        task: str,
        metric: str,
        value: float,
        *,
        interval: tuple[float, float] | None = None,
        items: int = 0,
        date: str = "",
        more: Mapping[str, str] | None = None,
    ) -> Claim:
        """Return it with texts bounded and numbers in their form; raises BadFormat for numbers that have none."""
        low, high = ("", "") if interval is None else (fixed(interval[0]), fixed(interval[1]))
        kept = {name: told(text) for name, text in (more or {}).items() if text}
        return cls(told(dataset), told(task), told(metric), fixed(value), low, high, items, told(date)[:40], kept)

    def to_json(self) -> dict[str, Any]:
        """Return it as the statement has it."""
        said: dict[str, Any] = {"dataset": self.dataset, "task": self.task, "metric": self.metric, "value": self.value}
        said |= {"low": self.low, "high": self.high, "items": self.items, "date": self.date}
        return said | {"more": dict(self.more)}


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a file claims. form: which form it has; model: what it calls the model; by: whom it names as evaluator."""

    form: str
    model: str
    by: str
    claims: tuple[Claim, ...]

    def predicate(self, digest: str) -> dict[str, Any]:
        """Return the predicate of the statement about it; digest: SHA-256 of the file, in hex."""
        said: dict[str, Any] = {"form": self.form, "file": digest, "model": told(self.model), "by": told(self.by)}
        return said | {"weights": "claimed", "claims": [one.to_json() for one in self.claims]}
