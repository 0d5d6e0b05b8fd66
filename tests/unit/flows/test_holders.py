"""Holders of the sequencer's lease: who is dead, and who may not be."""

from __future__ import annotations

import subprocess
import sys

from hanse.flows.holders import is_gone, new_holder


def test_a_process_that_runs_is_not_gone() -> None:
    """This process holds what it made, each text is another one, and it fits its column."""
    one, other = new_holder(), new_holder()
    assert one != other
    assert len(one) <= 64
    assert not is_gone(one)


def test_a_process_that_ended_is_gone() -> None:
    """A process of this machine that ended is gone, also when another one has its number now."""
    code = "from hanse.flows.holders import new_holder; print(new_holder())"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(text)
    machine, pid, start, rest = new_holder().split("-")
    assert is_gone(f"{machine}-{pid}-{int(start) - 1}-{rest}")


def test_what_is_not_known_is_not_gone() -> None:
    """Processes of other machines, and texts of another form, are never taken for dead."""
    _, pid, start, rest = new_holder().split("-")
    for text in (f"{'0' * 16}-999999-{start}-{rest}", "deadbeef" * 4, "", "a-b-c-d", f"unknown-{pid}-{start}-{rest}", "-" * 10):
        assert not is_gone(text)
