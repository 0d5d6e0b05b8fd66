"""Histories of a federation: whatever happens, nobody honest is deceived, and whoever can reach a quorum is served."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.support.seeds import run_seed
from tests.support.simulation.calm import calm
from tests.support.simulation.checks import check_world
from tests.support.simulation.reader import faulty
from tests.support.simulation.schedule import play, take
from tests.support.simulation.warnings import EVERY
from tests.support.simulation.world import Simulation, make_template

LONG = 100_000
EACH = 500


@pytest.fixture(name="template", scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the catalogue that every member begins with."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(name="quiet", autouse=True)
def _quiet() -> Iterator[None]:
    """Let members not log how often they cannot reach each other."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("seed", "size", "steps"), [(2, 5, 500), (22, 3, 500), (23, 3, 500), (28, 3, 500)])
def test_histories(tmp_path: Path, template: Path, seed: int, size: int, steps: int) -> None:
    """Crashes, cuts, lies, joins, leaves and changes of keys in an order that a seed decides deceive nobody and stop nobody."""
    done = play(tmp_path / "world", template, seed, steps, (size,))
    assert done["accepted"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_more_histories(tmp_path: Path, template: Path, seed: int) -> None:
    """The same holds for 2,000 steps more, in worlds of three to nine members."""
    assert play(tmp_path / "world", template, seed, EACH)["accepted"]


@pytest.mark.soak
def test_a_history_to_choose(tmp_path: Path, template: Path) -> None:
    """The same holds for the seed of the day; a failure names it."""
    play(tmp_path / "world", template, run_seed(), EACH, (3, 4, 5))


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_hundred_thousand_steps(tmp_path: Path, template: Path) -> None:
    """The same holds for 100,000 steps in worlds of three to fifteen members."""
    for seed in range(LONG // EACH):
        play(tmp_path / str(seed), template, seed, EACH)


def machine(folder: Path, template: Path) -> type[RuleBasedStateMachine]:
    """Return the histories from which Hypothesis chooses, and which it makes smaller where one fails."""
    numbers = itertools.count()

    class Histories(RuleBasedStateMachine):
        """One world."""

        world: Simulation

        @initialize(size=st.sampled_from((3, 5)))
        def begin(self, size: int) -> None:
            """Found a federation."""
            own = folder / str(next(numbers))
            own.mkdir()
            self.world = Simulation(own, template, size, faulty(size))

        @rule(name=st.sampled_from(sorted(EVERY)), data=st.data())
        def step(self, name: str, data: st.DataObject) -> None:
            """Take any action."""
            take(self.world, name, lambda below: data.draw(st.integers(0, below - 1)))

        def teardown(self) -> None:
            """Mend everything, and look at the whole world."""
            if hasattr(self, "world"):
                try:
                    calm(self.world)
                    check_world(self.world)
                finally:
                    self.world.close()

    return Histories


def explore(folder: Path, template: Path, examples: int, steps: int) -> None:
    """Let Hypothesis look for a history in which something does not hold."""
    run_state_machine_as_test(
        machine(folder, template),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_chosen_histories(tmp_path: Path, template: Path) -> None:
    """Hypothesis finds no history of a few steps after which somebody is deceived, or cannot be served."""
    explore(tmp_path, template, 2, 15)


@pytest.mark.soak
def test_more_chosen_histories(tmp_path: Path, template: Path) -> None:
    """The same holds for more of them, and longer ones."""
    explore(tmp_path, template, 8, 40)
