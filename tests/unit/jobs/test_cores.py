"""How many cores are counted."""

from __future__ import annotations

import os

import pytest

from hanse.jobs.cores import cores


def test_only_those_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is bound to some cores counts these; where no system tells, all are counted, and one at least."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
