"""Histories of the simulation from one seed: which action comes when, and a whole-world check at the end of each."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from tests.support.simulation.actions import HONEST
from tests.support.simulation.calm import calm
from tests.support.simulation.checks import check_world
from tests.support.simulation.lies import ACTIONS
from tests.support.simulation.reader import faulty
from tests.support.simulation.warnings import EVERY, INVENTED, WARNINGS
from tests.support.simulation.world import Choose, Simulation

WEIGHTS = {"follow": 14, "gather": 6, "read": 12, "publish": 3, "attest": 3, "learn": 4, "tick": 8, "refresh": 2, "part": 8}
WEIGHTS |= {"crash": 6, "skew": 3}
"""How often each action comes, of those that come more than once in all others."""
WARN_EVERY, WARN_WEIGHTS = 10, (2, 2, 1, 4)
"""How often something happens about advisories, and how often each of these actions; drawn apart from everything else."""
CALM_EVERY = 500
SIZES = (3, 4, 5, 5, 6, 7, 8, 9, 11)


def play(folder: Path, template: Path, seed: int, steps: int, sizes: tuple[int, ...] = SIZES) -> Counter[str]:
    """Play one history of `steps` steps; return how often each action did something. Fails where a check does, with the seed."""
    rng, own = random.Random(seed), random.Random(f"advisories {seed}")
    size = rng.choice(sizes)
    folder.mkdir()
    world = Simulation(folder, template, size, liars=rng.randint(0, faulty(size)) if rng.randrange(3) else faulty(size))
    names = list(ACTIONS if world.liars else HONEST)
    weights = [WEIGHTS.get(name, 1) for name in names]
    more = list(WARNINGS | INVENTED if world.liars else WARNINGS)
    done: Counter[str] = Counter()
    try:
        for number in range(1, steps + 1):
            (name,) = rng.choices(names, weights)
            done[name] += take(world, name, rng.randrange)
            if not own.randrange(WARN_EVERY):
                (other,) = own.choices(more, WARN_WEIGHTS[: len(more)])
                done[other] += take(world, other, own.randrange)
            if number % CALM_EVERY == 0 or number == steps:
                done["calm: read"] += calm(world, rng.randrange)
        check_world(world)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, step {number}, {size} members, {world.liars} liars: {error}") from error
    finally:
        world.close()
    done["accepted"] = sum(len(one.taken) for one in world.readers)
    done["refused"] = sum(len(one.refused) for one in world.readers)
    failed = [line.partition(":")[0] for one in world.readers for error in one.refused for line in getattr(error, "failed", ())]
    done["refused: advised"], done["refused: maps"] = failed.count("advised"), failed.count("advisories")
    return done


def take(world: Simulation, name: str, choose: Choose) -> bool:
    """Take one action; tell whether something happened."""
    return EVERY[name](world, choose)
