"""The table of keys: complete, documented, and true to the policy's values."""

from __future__ import annotations

import dataclasses

import pytest

from hanse.policy.form import BY_PATH, KEYS, RESERVED, Key, duration, parse_duration
from hanse.policy.presets import PRESETS, STRICT
from hanse.policy.rules import Policy

APART = {"name", "base", "groups", "broken", "evidence"}


def paths() -> set[str]:
    """Return the path of every value that a policy has."""
    found = set()
    for item in dataclasses.fields(Policy):
        value = getattr(STRICT, item.name)
        if item.name in APART:
            continue
        if dataclasses.is_dataclass(value):
            found |= {f"{item.name}.{part.name}" for part in dataclasses.fields(value)}
        else:
            found.add(item.name)
    return found - {f"{table}.{name}" for table in ("signers", "witness", "mirror") for name in ("logs", "files")}


def test_every_value_has_a_key() -> None:
    """Nothing of a policy can be set by no file, and no key sets nothing."""
    assert paths() == BY_PATH.keys()
    assert not BY_PATH.keys() & RESERVED.keys()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_every_key_is_explained(key: Key) -> None:
    """Each says what it takes and means, and finds its value in every preset."""
    assert key.text.endswith(".")
    assert key.takes
    for preset in PRESETS.values():
        key.of(preset)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800)])
def test_durations(text: str, seconds: int) -> None:
    """A duration is a number and a unit, and is printed so that it reads the same."""
    assert parse_duration(text) == seconds
    assert parse_duration(duration(seconds)) == seconds


@pytest.mark.parametrize(
    "raw", ["", "1", "h", "01h", "1.5h", "-1h", "1 h", "1w", "1h30m", "3651d", "99999999999s", 60, None, "\uff11h"]
)
def test_what_is_no_duration(raw: object) -> None:
    """Nothing else is taken for a duration."""
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(raw)
