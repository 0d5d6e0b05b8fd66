"""Counting: whose word counts, and since when."""

from __future__ import annotations

from dataclasses import replace

from tests.support.facts import HOME, NOW, cosigned, good, log, signed, with_log

from hanse.model.decision import EvidenceFacts, Known, NameKind, Want
from hanse.policy.presets import CAREFUL, OPEN, STRICT
from hanse.policy.rules import Group, Quorum, Threshold
from hanse.policy.view import View, is_own, newest


def test_newest() -> None:
    """The newest time is that of the last one needed."""
    pairs = [(3, "a"), (9, "b"), (5, "c")]
    assert newest(pairs, lambda some: len(some) >= 2) == 5
    assert newest(pairs, lambda some: "a" in some) == 3
    assert newest(pairs, lambda _: False) is None
    assert newest([], lambda _: True) is None


def test_own_cosignatures() -> None:
    """Member, host, subdomain and key tell an operator from others; a longer name that only ends alike is another's."""
    mine = log(HOME)
    assert is_own(mine, cosigned(HOME))
    assert is_own(replace(mine, keys=frozenset({cosigned("b.example").key})), cosigned("b.example"))
    assert not is_own(mine, cosigned("not-a.example"))


def test_since_counts_different_members() -> None:
    """Two keys of one member are one cosigner."""
    view = View(STRICT, good())
    twice = [cosigned("b.example", 10), replace(cosigned("b.example", 20), key="9" * 64), cosigned("c.example", 30)]
    assert view.since(twice, Threshold(2)) == NOW - 30
    assert view.since(twice, Threshold(3)) is None


def test_time_where_nothing_is_asked() -> None:
    """Then the newest time that anybody, or the log itself, gives is all there is."""
    facts = with_log(good(), HOME, time=NOW - 5, witnesses=(cosigned("b.example", 3), cosigned(HOME, 1)))
    found = View(OPEN, facts).log(HOME)
    assert found is not None
    assert View(OPEN, facts).time(found, mirror=False) == NOW - 3
    assert View(OPEN, facts).time(replace(found, time=None, witnesses=()), mirror=False) is None


def test_thresholds_together() -> None:
    """With several thresholds the time is that of the one that is met last."""
    policy = replace(CAREFUL, witness=Quorum(1, also=(Threshold(2),)))
    facts = with_log(good(), HOME, witnesses=(cosigned("b.example", 10), cosigned("c.example", 500)))
    found = View(policy, facts).log(HOME)
    assert found is not None
    assert View(policy, facts).time(found, mirror=False) == NOW - 500
    assert View(policy, facts).cosigners(found, Threshold(2), mirror=False) == 2


def test_standing() -> None:
    """A signature stands with its log's key; one that names a log nobody knows is new."""
    facts = replace(with_log(good(), HOME, known=Known.PINNED), owner=Known.CHANGED)
    view = View(CAREFUL, facts)
    assert view.standing(signed(HOME)) is Known.PINNED
    assert view.standing(signed("z.example")) is Known.NEW
    assert view.standing(signed("z.example", log="")) is Known.CHANGED
    assert view.known([signed(HOME), signed("z.example", log="")]) == (signed(HOME),)


def test_lacking() -> None:
    """What is missing is said in numbers."""
    assert View(STRICT, good()).lacking([signed(HOME)]) == ["1 of 2 members"]
    assert not View(STRICT, good()).suffices([signed("b.example"), signed("c.example")]), "not without the owner"
    empty = EvidenceFacts(NOW, Want.PINNED, NameKind.MIRRORED)
    assert View(OPEN, empty).suffices([])
    assert not View(OPEN, empty).enough([])


def test_who_is_believed_beyond_the_revision() -> None:
    """Signers whom the policy asks, whose logs are witnessed, by keys that were known before; first contacts are nobody's."""
    facts = good("b.example")
    assert View(CAREFUL, facts).vouching() == facts.signatures
    met = with_log(facts, "b.example", known=Known.NEW)
    assert [one.member for one in View(OPEN, met).vouching()] == [HOME]
    alone = with_log(facts, "b.example", witnesses=())
    assert [one.member for one in View(CAREFUL, alone).vouching()] == [HOME]
    few = replace(CAREFUL, signers=Quorum(1, "few"), groups={"few": Group(members=frozenset({"c.example"}))})
    assert [one.member for one in View(few, facts).vouching()] == [HOME], "the owner, and nobody of another group"
