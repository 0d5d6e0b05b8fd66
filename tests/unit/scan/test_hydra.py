"""Targets in configurations."""

from __future__ import annotations

import json

import pytest
from tests.support.judging import judged, rules_of

from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource


def test_targets_are_found_at_any_depth_with_their_place() -> None:
    """Facts say where each distinct target stands."""
    value = {"a": [{"b": {"_target_": "torch.nn.Linear"}}], "c": {"_component_": "x.Y"}}
    (view,) = extract(BytesSource(json.dumps(value).encode())).of("hydra")
    assert [dict(one.data) for one in view.observations] == [
        {"path": "a/0/b", "target": "torch.nn.Linear"},
        {"path": "c", "target": "x.Y"},
    ]


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("os.system", {"TARGET-DENIED"}),
        ("torch.optim.AdamW", set()),
        ("my.project.Thing", {"TARGET-CUSTOM"}),
        ("${model.name}", {"TARGET-COMPUTED"}),
    ],
)
def test_targets_are_judged_by_what_they_name(target: str, rules: set[str]) -> None:
    """CVE-2025-23304: what a loader would import decides."""
    assert rules_of(judged(json.dumps({"m": {"_target_": target}}).encode(), "config.json")) == rules


def test_more_targets_than_are_kept_is_said() -> None:
    """A configuration with thousands of targets is not silently cut."""
    value = [{"_target_": f"torch.nn.L{at}"} for at in range(600)]
    assert [gap.reason for gap in judged(json.dumps(value).encode(), "config.json").gaps] == ["observations"]
