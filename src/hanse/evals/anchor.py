"""The anchor sample: twenty items of a suite in a class of numerics that every machine has, so that unlike hardware compares.

The class is llama.cpp on a processor, one thread, f16 keys and values, no flash attention, no prompt cache. Digests of its
answers carry no salt, since two institutions hold them against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hanse.evals.generate import Draw
from hanse.evals.suite import Item, Suite
from hanse.model.digest import Sha256

REFERENCE: Mapping[str, str] = {
    "engine": "llama.cpp",
    "backend": "cpu",
    "threads": "1",
    "kv": "f16",
    "attention": "plain",
    "batch": "one slot, no prompt cache",
}
ITEMS = 20


def is_reference(numerics: Mapping[str, str]) -> bool:
    """Tell whether what was observed of an engine is the reference class."""
    return all(numerics.get(name) == value for name, value in REFERENCE.items())


def sample(suite: Suite) -> tuple[Item, ...]:
    """Return the items of a suite that are its anchor: drawn by its digest, the same for everybody."""
    draw, rest = Draw(bytes.fromhex(suite.digest), "anchor 1"), list(suite.items)
    found = [rest.pop(draw.below(len(rest))) for _ in range(min(ITEMS, len(rest)))]
    return tuple(sorted(found, key=lambda one: one.id))


def output_digest(text: str) -> Sha256:
    """Return what an answer is compared by."""
    return Sha256(hashlib.sha256(text.encode()).hexdigest())


def alike(first: Mapping[str, str], second: Mapping[str, str]) -> float | None:
    """Return the share of equal answers among the items of two anchors, None if they have none in common."""
    both = first.keys() & second.keys()
    return sum(first[item] == second[item] for item in both) / len(both) if both else None
