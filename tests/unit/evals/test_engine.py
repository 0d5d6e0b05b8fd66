"""What an engine is asked."""

from __future__ import annotations

from hanse.evals.engine import Ask
from hanse.evals.suite import Decoding, Item, Request

ITEM = Item("a", "a", (("user", "hello"),))


def test_every_epoch_has_its_own_seed() -> None:
    """Epochs that sampled with one seed would be one epoch; the seed stays a number that engines take."""
    seeds = [Ask(ITEM, epoch, Request.CHAT, Decoding(0.7, 1.0, 8, seed=2**31 - 2)).seed for epoch in range(4)]
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
