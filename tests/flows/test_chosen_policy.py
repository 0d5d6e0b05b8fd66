"""Choosing a policy before anything of it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import NotFoundError, PolicyError
from hanse.flows.chosen_policy import PRESET_KEYS, ChosenPolicy, choose_policy
from hanse.flows.gateway.env import policy_key
from hanse.flows.own_policy import DEFAULT
from hanse.flows.policies import load_policy
from hanse.policy.presets import PRESETS


def test_keys_of_presets_are_what_they_say() -> None:
    """The known key of every preset is the one computed from all that it says: two policies never share a cache."""
    assert {name: policy_key(policy) for name, policy in PRESETS.items()} == PRESET_KEYS


@pytest.mark.parametrize("name", [*PRESETS, None, "own", "a/policy.toml"])
def test_the_same_policy_as_when_it_is_loaded_at_once(tmp_path: Path, name: str | None) -> None:
    """Name, key and content are those of the policy that `load_policy` finds under the same name."""
    for path in (tmp_path / "policies" / "own.toml", tmp_path / "a" / "policy.toml"):
        path.parent.mkdir()
        path.write_text("policy = 1\nbase = 'careful'\n")
    told = str(tmp_path / name) if name and "/" in name else name
    expected = load_policy(told, tmp_path)
    found = choose_policy(told, tmp_path)
    assert (found.name, found.key) == (expected.policy.name, policy_key(expected.policy))
    assert found.loaded == expected
    assert ChosenPolicy.of(expected).key == found.key


def test_a_default_of_ones_own_counts(tmp_path: Path) -> None:
    """A policy.toml in the home folder is the default, broken ones too, and a file that appears later changes nothing."""
    before = choose_policy(None, tmp_path)
    assert before.name == DEFAULT
    (tmp_path / "policy.toml").write_text("policy = 1\nbase = 'strict'\n")
    assert choose_policy(None, tmp_path).key == policy_key(load_policy(None, tmp_path).policy) != before.key
    assert before.loaded.policy == PRESETS[DEFAULT]
    (tmp_path / "policy.toml").write_text("")
    with pytest.raises(PolicyError):
        choose_policy(None, tmp_path)
    with pytest.raises(NotFoundError):
        choose_policy("none-such", tmp_path)
