"""`hanse evaluate --harness`: a task of Inspect AI or lm-eval, planned and scored by the harness, answered by an engine here."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from hanse.cli.usage import WrongUsage

if TYPE_CHECKING:
    from hanse.cli.evaluating import Running
    from hanse.flows.evaluate.run import Told


@Parameter(name="*")
@dataclass(frozen=True)
class Driving:
    """Which harness is driven, and what it runs."""

    harness: Annotated[Literal["", "lm-eval", "inspect"], Parameter(help="Harness that brings the task, instead of a suite.")] = (
        ""
    )
    task: Annotated[str, Parameter(help="Its task: a name, a YAML file (lm-eval), or FILE.py@TASK (Inspect).")] = ""
    harness_python: Annotated[str, Parameter(help="Interpreter of the environment that has the harness.")] = ""
    metric: Annotated[str, Parameter(help="Metric or scorer that decides, if the task has several.")] = ""
    limit: Annotated[int, Parameter(help="Only so many first items of the task.")] = 0


def run_harness(target: str, to: Path, chosen: Running, driving: Driving) -> dict[str, Any]:
    """Run a harness's task, or what is left of it, and return what the record says."""
    from hanse.cli.evaluating import engine_of, signer_of, subject_of
    from hanse.flows.evaluate.run import RunLimits
    from hanse.flows.exchange.driving import Drive, drive
    from hanse.flows.exchange.importing import Wanted
    from hanse.jobs.harness import Harness
    from hanse.model.repo import parse_origin

    if not driving.task or driving.limit < 0:
        raise WrongUsage("a harness runs a task, of 0 or more items", hint="--task NAME, or a file with it")
    evaluator = parse_origin(chosen.evaluator)
    subject, digests = subject_of(target, chosen)
    wanted = Wanted("", driving.metric, to, evaluator, signer_of(chosen.key), subject, digests)
    limits = RunLimits(chosen.max_seconds, chosen.max_tokens)
    order = Drive(driving.task, wanted, subject, driving.limit, limits)
    with closing(Harness(driving.harness, driving.harness_python)) as plugin, engine_of(subject, chosen) as engine:
        return drive(order, plugin, engine, _Shown(driving)).predicate()


class _Shown:
    """Shows on standard error how far a harness is: how many items it has nobody knows before."""

    def __init__(self, driving: Driving) -> None:
        self._name = f"{driving.harness} {driving.task.rpartition('/')[2]}"
        self._every = 0.3 if sys.stderr.isatty() else 10.0
        self._at = time.monotonic()

    def __call__(self, told: Told) -> None:
        """Show it."""
        now = time.monotonic()
        if now - self._at < self._every:
            return
        self._at = now
        line = f"{self._name}: {told.done:,} answers, {told.errors:,} errors"
        print(
            f"\r{line}\x1b[K" if sys.stderr.isatty() else line,
            end="" if sys.stderr.isatty() else "\n",
            file=sys.stderr,
            flush=True,
        )
