"""Items made from a seed: nobody can have trained on questions that did not exist before a log's checkpoint did.

Everything is drawn from SHA-256 in counter mode, so that a seed gives the same items on every machine and in every version of
Python. What a generator makes never changes; what should be made otherwise gets a new version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from hanse.errors import BadFormat
from hanse.evals.suite import Item

FIXED_SEED = hashlib.sha256(b"hanse suites 1").digest()
"""Seed of the suites as they ship; a suite of another seed says so in its version."""
MAX_ARITHMETIC = 2000
MAX_PRIMALITY = 5000
MAX_CANARIES = 1000
"""So many different items a generator has, with room: it never looks for the last one."""
_SMALL_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
_CODE = "abcdefghjkmnpqrstuvwxyz23456789"


def seed_of(checkpoint: bytes, suite: str) -> bytes:
    """Return the seed that a log's checkpoint gives a suite: SHA-256 over both, which whoever wrote the suite cannot choose."""
    return hashlib.sha256(b"hanse suite seed\n" + suite.encode() + b"\n" + hashlib.sha256(checkpoint).digest()).digest()


class Draw:
    """Numbers from a seed, one after the other."""

    def __init__(self, seed: bytes, purpose: str) -> None:
        self._key = hashlib.sha256(seed + b"\n" + purpose.encode()).digest()
        self._at = 0

    def below(self, limit: int) -> int:
        """Return the next number from 0 to limit - 1, each as likely but for a share of 2^-60 or less."""
        self._at += 1
        block = hashlib.sha256(self._key + self._at.to_bytes(8, "big")).digest()
        return int.from_bytes(block[:16], "big") % limit

    def between(self, low: int, high: int) -> int:
        """Return the next number from low to high, both included."""
        return low + self.below(high - low + 1)

    def code(self, length: int) -> str:
        """Return a text of letters and digits that are hard to confuse."""
        return "".join(_CODE[self.below(len(_CODE))] for _ in range(length))


def arithmetic(seed: bytes, items: int) -> tuple[Item, ...]:
    """Return sums, differences, products and quotients without remainder, each kind as often, and never one twice."""
    _require(items, MAX_ARITHMETIC)
    draw = Draw(seed, "arithmetic 1")
    found: dict[str, str] = {}
    while len(found) < items:
        kind = len(found) % 4
        a, b = draw.between(2, 99), draw.between(2, 99 if kind < 2 else 12)
        text, value = _task(kind, a, b)
        found.setdefault(text, str(value))
    return tuple(
        Item(f"arithmetic-{at:05}", f"arithmetic-{at:05}", (("user", f"What is {text}? Answer with the number only."),), value)
        for at, (text, value) in enumerate(found.items())
    )


def _task(kind: int, a: int, b: int) -> tuple[str, int]:
    if kind == 0:
        return f"{a} + {b}", a + b
    if kind == 1:
        return f"{max(a, b)} - {min(a, b)}", abs(a - b)
    if kind == 2:
        return f"{a} * {b}", a * b
    return f"{a * b} / {a}", b


def primality(seed: bytes, items: int) -> tuple[Item, ...]:
    """Return questions whether a number of four or five digits is prime; every second one is not.

    Of those, half have a divisor below 100 and half have none. A model that always says `yes` is right in half of the cases.
    """
    _require(items, MAX_PRIMALITY)
    draw = Draw(seed, "primality 1")
    numbers: dict[int, bool] = {}
    while len(numbers) < items:
        wanted, hard = len(numbers) % 2 == 0, len(numbers) % 4 == 1
        number = draw.between(1009, 99991) | 1
        smooth = any(number % one == 0 for one in _SMALL_PRIMES)
        if number not in numbers and is_prime(number) == wanted and (wanted or smooth != hard):
            numbers[number] = wanted
    return tuple(
        Item(
            f"prime-{number}",
            f"prime-{number}",
            (("user", f"Question: Is {number} a prime number? Answer yes or no.\nAnswer:"),),
            " yes" if prime else " no",
            (" yes", " no"),
        )
        for number, prime in numbers.items()
    )


def is_prime(number: int) -> bool:
    """Tell whether a number is prime, by trial division; meant for numbers below a million."""
    return number > 1 and all(number % one for one in range(2, int(number**0.5) + 1))


def canaries(seed: bytes, items: int) -> tuple[Item, ...]:
    """Return openings of marks that stand in this suite and nowhere else, with what follows as the target.

    Who goes on with the target has seen the suite itself.
    """
    _require(items, MAX_CANARIES)
    draw = Draw(seed, "canaries 1")
    found = []
    for at in range(items):
        opening, rest = f"{draw.code(4)}-{draw.code(8)}-{draw.code(8)}", draw.code(12)
        text = f"Canary {at:03} of the Hanse evaluation suites, not to be trained on: {opening}-"
        found.append(Item(f"canary-{at:03}", f"canary-{at:03}", (("user", text),), rest))
    return tuple(found)


def _require(items: int, most: int) -> None:
    if not 0 < items <= most:
        raise BadFormat(f"this generator makes 1 to {most:,} items, not {items}")


GENERATORS: Mapping[str, Callable[[bytes, int], Sequence[Item]]] = {
    "arithmetic": arithmetic,
    "primality": primality,
    "canary": canaries,
}
"""Generators by the name of the suite that they fill."""
