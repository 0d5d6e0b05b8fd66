"""Generated items: the same from a seed everywhere, right, and balanced."""

from __future__ import annotations

import hashlib

import pytest

from hanse.errors import BadFormat
from hanse.evals.generate import FIXED_SEED, GENERATORS, Draw, arithmetic, canaries, is_prime, primality, seed_of
from hanse.evals.scorers.exact import number

PINNED = {
    "arithmetic": "fa7304b1128ebcc603d0aa5862bd334f66b3d3c82d3a6679f59725edab3bd49b",
    "primality": "a394a8d6e7c038e31b0a453aa555035939c42a3b78bae70487578df4d7bc6b52",
    "canary": "3896f65575b6b205bf0ed3281f15a09ce7165c27de6448c4ddfe96c1ff8715c5",
}
"""SHA-256 of the first 24 items of the fixed seed: what a version of a generator makes never changes."""


@pytest.mark.parametrize("name", GENERATORS)
def test_what_a_version_makes_never_changes(name: str) -> None:
    """The items of a seed are the same bytes in every release."""
    lines = b"\n".join(one.encode() for one in GENERATORS[name](FIXED_SEED, 24))
    assert hashlib.sha256(lines).hexdigest() == PINNED[name]


@pytest.mark.parametrize("name", GENERATORS)
def test_seeds_make_other_items(name: str) -> None:
    """Another seed makes other items; each item has an id of its own."""
    first, second = (GENERATORS[name](seed, 24) for seed in (FIXED_SEED, b"other"))
    assert {one.messages for one in first} != {one.messages for one in second}
    assert len({one.id for one in first}) == 24


def test_sums_are_right() -> None:
    """Every target is what the question comes to, and no question is asked twice."""
    items = arithmetic(b"x", 400)
    assert len({one.messages for one in items}) == 400
    for one in items:
        a, sign, b = one.messages[0][1].removeprefix("What is ").partition("?")[0].split()
        value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b), "/": int(a) / int(b)}[sign]
        assert number(one, str(value)) == 1


def test_primes_and_others() -> None:
    """Half are prime, and of the rest half have a divisor below 100."""
    items = primality(b"x", 200)
    numbers = {int(one.id.removeprefix("prime-")): one.target for one in items}
    assert sum(map(is_prime, numbers)) == 100
    assert all((target == " yes") == is_prime(value) for value, target in numbers.items())
    hard = [value for value in numbers if not is_prime(value) and all(value % one for one in range(2, 100))]
    assert len(hard) == 50


def test_a_canary_does_not_tell_its_end() -> None:
    """What is asked for stands in the target only."""
    assert all(one.target not in one.messages[0][1] for one in canaries(b"x", 100))


def test_seeds_from_a_checkpoint() -> None:
    """A seed follows from checkpoint and suite, and from nothing else."""
    assert seed_of(b"a", "arithmetic") == seed_of(b"a", "arithmetic")
    assert len({seed_of(b"a", "arithmetic"), seed_of(b"b", "arithmetic"), seed_of(b"a", "primality")}) == 3


def test_draws() -> None:
    """Numbers are in their bounds and spread over them; the purpose decides which."""
    draw = Draw(b"x", "y")
    seen = [draw.between(3, 7) for _ in range(500)]
    assert set(seen) == {3, 4, 5, 6, 7}
    assert Draw(b"x", "z").below(2**60) != Draw(b"x", "y").below(2**60)


@pytest.mark.parametrize(("name", "items"), [("arithmetic", 2001), ("primality", 5001), ("canary", 0)])
def test_no_generator_looks_for_the_last_item(name: str, items: int) -> None:
    """More items than a generator has room for are refused at once."""
    with pytest.raises(BadFormat, match="this generator makes"):
        GENERATORS[name](FIXED_SEED, items)
