"""What is shown of files that nobody signed says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.receipts import PULLED, receipt

from hanse.cli.received import received_json, received_text
from hanse.flows.local_files import Checked
from hanse.flows.policies import load_policy
from hanse.flows.verify_receipt import Received, facts_of
from hanse.model.receipt import Source
from hanse.policy.decide import decide


def _received(absent: tuple[str, ...] = ()) -> Received:
    made = replace(receipt({"a": b"1", "b\x1b[2J": b"2"}), sources=(Source("hub.example", 2),))
    policy = load_policy("open", Path("/nonexistent"))
    return Received(made, decide(policy.policy, facts_of(made, policy, PULLED)), Checked(2, 2, 0, absent, ()))


def test_the_screen() -> None:
    """Received when, from whom, signed by nobody; control characters cannot rewrite the screen."""
    text = received_text(_received(), (), PULLED + 86_400 * 3)
    assert text.startswith("as received: org/name at 111111111111, 2 of 2 files")
    assert "3 days ago, from hub.example" in text
    assert "by nobody: hub.example claimed what it is" in text
    assert received_text(_received(), ("file b\x1b[2J: altered",), PULLED).startswith("NOT VERIFIED")
    assert "\x1b" not in received_text(_received(), ("file b\x1b[2J: altered",), PULLED)


def test_the_object() -> None:
    """Programs see that there is no signature, and what is absent."""
    told = received_json(_received(("c",)), ())
    assert (told["verified"], told["signed"], told["files"]["partial"]) == (True, [], True)
    assert told["received"]["from"] == ["hub.example"]
    assert received_json(_received(), ("x",))["verified"] is False
