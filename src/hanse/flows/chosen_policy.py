"""Which policy somebody runs a program under: its name and its folder at once, what it says once that is needed.

Most people run programs under a preset. A program that runs under one is started before what policies are made of is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.flows.federation.seen import FOLDER as FEDERATIONS
from hanse.flows.federation.seen import seen_in
from hanse.flows.own_policy import DEFAULT, FILE, is_there

if TYPE_CHECKING:
    from hanse.flows.loaded_policy import LoadedPolicy

PRESET_KEYS = {"open": "open-fbb77df5", "careful": "careful-b97715c0", "strict": "strict-d522b857"}
"""What `policy_key` gives for each preset, which a test keeps true."""


class ChosenPolicy:
    """A policy by name and key (`hanse.flows.gateway.env.policy_key`). load: gives what it says, asked once."""

    def __init__(self, name: str, key: str, load: Callable[[], LoadedPolicy]) -> None:
        self.name = name
        self.key = key
        self._load = load

    @classmethod
    def of(cls, loaded: LoadedPolicy) -> ChosenPolicy:
        """Return a policy that is loaded already."""
        from hanse.flows.gateway.env import policy_key  # noqa: PLC0415 see above

        return cls(loaded.policy.name, policy_key(loaded.policy), lambda: loaded)

    @cached_property
    def loaded(self) -> LoadedPolicy:
        """The policy ready for use."""
        return self._load()


def choose_policy(name: str | None, home: Path) -> ChosenPolicy:
    """Return the policy called `name`, as `load_policy` finds it; raises as that, but for a preset nothing."""
    preset = name if name is not None else _default(home)
    if preset in PRESET_KEYS:
        return ChosenPolicy(preset, PRESET_KEYS[preset], partial(_loaded, preset, home))
    return ChosenPolicy.of(_loaded(name, home))


def _default(home: Path) -> str:
    """Return the preset that counts where no policy is named, empty if something else does."""
    return "" if is_there(home / FILE) or seen_in(home / FEDERATIONS) else DEFAULT


def _loaded(name: str | None, home: Path) -> LoadedPolicy:
    from hanse.flows.policies import load_policy  # noqa: PLC0415 see above

    return load_policy(name, home)
