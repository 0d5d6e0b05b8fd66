"""What an evaluation costs, at prices that whoever asks for it enters.

Everything is in millionths of his currency, as whole numbers, so that what a bound leaves is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hanse.errors import InputError

UNIT = 1_000_000
"""Millionths of a currency in one of it."""
MOST = 10**15


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in millionths of a currency. hour: of running; million: of a million tokens of answers."""

    hour: int = 0
    million: int = 0

    def cost(self, seconds: float, tokens: int) -> int:
        """Return what so much running and so many tokens cost, rounded up, in millionths."""
        return math.ceil(self.hour * seconds / 3600 + self.million * tokens / UNIT)


def millionths(amount: float, what: str) -> int:
    """Return an amount in millionths; raises InputError for what is no amount, or out of bounds."""
    if not (math.isfinite(amount) and 0 <= amount <= MOST / UNIT):
        raise InputError(f"{what} is a number from 0 to {MOST // UNIT:,}, got {amount}")
    return round(amount * UNIT)


def check_bound(most: int, price: Price) -> None:
    """Check a bound on cost, 0 for none; raises InputError for one that no price could ever reach, or out of bounds."""
    if not all(0 <= one <= MOST for one in (most, price.hour, price.million)):
        raise InputError(f"prices and bounds of cost are 0 to {MOST // UNIT:,}")
    if most and not (price.hour or price.million):
        raise InputError(
            "a bound of cost needs a price", hint="name the price of an hour, of a million tokens, or both, beside the bound"
        )
