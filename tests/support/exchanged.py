"""Runs for tests of what is written from them: made up, checked like any other."""

from __future__ import annotations

from functools import partial

from tests.support.openaiserver import Adder, Model, sums

from hanse import __version__
from hanse.evals.engine import Ask
from hanse.evals.exchange.report import Shown
from hanse.evals.record import CheckedRun, Record, WeightsClass, make_record
from hanse.evals.scorers.registry import score
from hanse.evals.suite import Suite
from hanse.evals.transcript import Spoken, table_of
from hanse.model.digest import Sha256
from hanse.model.repo import Origin


class Made:
    """A run of 20 sums with its record."""

    def __init__(self, name: str, seed: int, model: str) -> None:
        self.suite: Suite = sums(20)
        engine = Adder(Model(noise=0.2, seed=seed))
        asks = [Ask(item, 0, self.suite.request, self.suite.decoding) for item in self.suite.items]
        spoken = [Spoken(ask.item.id, 0, engine.answer(ask), f"{at:032x}") for at, ask in enumerate(asks)]
        table = table_of(self.suite, spoken, partial(score, self.suite))
        said = {"model": Sha256(model * 64), "name": name, "weights": WeightsClass.CLAIMED, "timing": {}, "hardware": {}}
        said |= {"numerics": dict(engine.observed().numerics), "evaluator": Origin("uni.example"), "gaps": ("tokens",)}
        said["runner"] = {"name": "hanse", "version": __version__}
        self.record: Record = make_record(self.suite, table, said)
        self.run = CheckedRun.of(self.record, self.suite, table)

    @property
    def shown(self) -> Shown:
        """The run as a report shows it."""
        return Shown(self.run, self.suite, "d" * 64, "")


def made(name: str = "adder", *, seed: int = 0, model: str = "a") -> Made:
    """Return a run of a model with this name; seed: of its noise; model: a digit that stands for its bytes."""
    return Made(name, seed, model)
