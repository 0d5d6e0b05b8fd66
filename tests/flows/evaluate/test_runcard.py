"""Run cards beside records: signed by the same key, with the anchor sample where the class is the reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.openaiserver import Adder, Model, sums
from tests.support.signing import attest_key

from hanse.errors import BadFormat
from hanse.evals.anchor import REFERENCE, alike
from hanse.evals.engine import Observed, Usage
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runcard import CARD, anchor_of, read_card, write_card
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.model.repo import Origin


@dataclass
class Reference(Adder):
    """The same model in the reference class."""

    def observed(self) -> Observed:
        """Return that it is the class that every machine has."""
        return Observed(dict(REFERENCE))


KEY = attest_key()


def ran(folder: Path, engine: Adder) -> Read:
    """Return a signed run of sums."""
    order = Order(sums(60), of_endpoint("http://api.example", "adder"), folder, Origin("uni.example"), KEY)
    evaluate(order, engine)
    return read_run(folder)


def test_written_signed_and_read(tmp_path: Path) -> None:
    """A card is about the run's model and suite, by the key of its record."""
    read = ran(tmp_path, Adder(Model()))
    card = write_card(tmp_path, read, Usage((10, 1.0), (5, 1.0), (0.1,)), {}, price_per_hour=2.0, signer=KEY)
    assert read_card(tmp_path) == (card, KEY.public)
    assert (card.model, card.suite, card.anchor) == (read.record.model, read.record.suite, {})
    (tmp_path / CARD).write_bytes((tmp_path / "record.json").read_bytes())
    with pytest.raises(BadFormat):
        read_card(tmp_path)


def test_anchors_compare(tmp_path: Path) -> None:
    """A run in the reference class is its own anchor; another one asks an engine of that class, and no other."""
    own = anchor_of(ran(tmp_path / "a", Reference(Model())), None)
    read = ran(tmp_path / "b", Adder(Model()))
    assert len(own) == 20
    assert alike(own, anchor_of(read, Reference(Model()))) == 1.0
    assert anchor_of(read, None) == {}
    with pytest.raises(BadFormat, match="reference class"):
        anchor_of(read, Adder(Model()))
