"""What a federation does not protect against is said, with what would change it."""

from __future__ import annotations

import pytest
from tests.support.founders import NOW, founded, founders

from hanse.flows.federation.change import YEAR
from hanse.flows.federation.outlook import describe, on_server, remarks


@pytest.mark.parametrize(
    ("count", "need", "said"),
    [
        (1, 1, ["one key changes everything", "nobody else witnesses"]),
        (2, 1, ["one key changes everything", "1 witness besides"]),
        (3, 3, ["all 3 keys are needed", "2 witnesses besides"]),
        (4, 2, ["two halves", "3 witnesses besides"]),
        (5, 3, []),
    ],
)
def test_remarks(count: int, need: int, said: list[str]) -> None:
    """One key, unanimity, halves and too few witnesses are remarked on; three of five need no remark."""
    found = remarks(founded(founders(count), need), NOW)
    assert len(found) == len(said)
    assert all(words in line for words, line in zip(said, found, strict=True))


@pytest.mark.parametrize(("later", "said"), [(0, ""), (YEAR - 86400, "expires in 1 days"), (YEAR + 1, "has expired")])
def test_expiry(later: int, said: str) -> None:
    """It is said in time that metadata expires."""
    found = remarks(founded(founders(5), 3), NOW + later)
    assert (said in found[-1]) if said else found == []


def test_facts() -> None:
    """A description has versions, thresholds, keys and a row for each member."""
    federation = founded(founders(3), 2)
    told = describe(federation, NOW)
    assert (told["name"], told["root"], told["targets"], told["need"], len(told["keys"])) == ("hanse.example", 2, 2, 2, 3)
    assert told["fingerprint"] == federation.first
    assert [one["member"] for one in told["members"]] == ["member0.example", "member1.example", "member2.example"]
    assert [one["keys"] for one in told["members"]] == [[key] for key in told["keys"]]
    assert told["others"] == []


@pytest.mark.parametrize(("need", "said"), [(1, "every change by himself"), (2, "one of the 2 signatures")])
def test_a_key_on_the_server_is_told(need: int, said: str) -> None:
    """A key for changes in a node's data folder is remarked on, with the way to another; one that signs nothing is not."""
    people = founders(2)
    (line,) = on_server(founded(people, need), people[0].own.public.fingerprint, "keys/federation.key")
    assert said in line
    assert "hanse federation rekey" in line
    assert on_server(founded(people[:1], 1), people[1].own.public.fingerprint, "x") == []
