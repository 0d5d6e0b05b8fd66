"""Structure-aware mutation of valid inputs: bytes, lengths, numbers, pieces, words of the format."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

MAX_INPUT = 256 * 1024
_NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 16, 1 << 20, (1 << 24) - 1, (1 << 31) - 1, 1 << 31,
            (1 << 32) - 1, 1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip
_DIGITS = re.compile(rb"\d{1,40}")


class Mutator:
    """Makes hostile inputs from `seeds` (valid ones) and `words` (pieces that mean something in the format)."""

    def __init__(self, rng: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
        self._rng = rng
        self._seeds = list(seeds)
        self._words = list(words)
        self._kinds: list[Callable[[bytearray], bytearray]] = [
            self._flip, self._flip, self._byte, self._truncate, self._number_field, self._number_field, self._number_field,
            self._decimal, self._decimal, self._splice, self._cut, self._repeat, self._word, self._word, self._swap, self._noise,
        ]  # fmt: skip

    def make(self) -> bytes:
        """Return a seed after one to a few mutations, at most 256 KiB."""
        data = bytearray(self._rng.choice(self._seeds))
        for _ in range(self._rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            data = self._rng.choice(self._kinds)(data)
        return bytes(data[:MAX_INPUT])

    def _at(self, data: bytearray, room: int = 0) -> int:
        # The head of a file has most of its structure.
        end = max(len(data) - room, 0)
        return self._rng.randint(0, min(end, 128) if self._rng.random() < 0.5 else end)

    def _flip(self, data: bytearray) -> bytearray:
        if data:
            data[self._at(data, 1)] ^= 1 << self._rng.randrange(8)
        return data

    def _byte(self, data: bytearray) -> bytearray:
        if data:
            data[self._at(data, 1)] = self._rng.choice((0, 0xFF, 0x7F, 0x80, self._rng.randrange(256)))
        return data

    def _truncate(self, data: bytearray) -> bytearray:
        return data[: self._at(data)]

    def _number_field(self, data: bytearray) -> bytearray:
        width = self._rng.choice((1, 2, 3, 4, 4, 4, 8, 8))
        at = self._at(data, width)
        if self._rng.random() < 0.6:
            at -= at % width
        number = self._rng.choice((*_NUMBERS, len(data), len(data) - 1, len(data) + 1)) % (1 << 8 * width)
        data[at : at + width] = number.to_bytes(width, self._rng.choice(("little", "little", "big")))
        return data

    def _decimal(self, data: bytearray) -> bytearray:
        found = list(_DIGITS.finditer(data[:65536]))
        if not found:
            return self._number_field(data)
        match = self._rng.choice(found)
        number = self._rng.choice(_NUMBERS)
        texts = (str(number), f"-{number}", f"{number}.5", f"1e{number % 1000}", "9" * 5000, "00", "0x10", "\u0663")
        data[match.start() : match.end()] = self._rng.choice((str(number), str(number), *texts)).encode()
        return data

    def _splice(self, data: bytearray) -> bytearray:
        other = self._rng.choice(self._seeds)
        cut = self._rng.randint(0, len(other))
        return data[: self._at(data)] + other[cut : cut + self._rng.choice((16, 48, 1024, MAX_INPUT))]

    def _cut(self, data: bytearray) -> bytearray:
        at = self._at(data)
        del data[at : at + self._rng.choice((1, 2, 4, 8, 32, 36, 40, 44, 48, 200))]
        return data

    def _repeat(self, data: bytearray) -> bytearray:
        at = self._at(data)
        piece = data[at : at + self._rng.choice((1, 4, 36, 48, 512))]
        data[at:at] = piece * self._rng.choice((1, 1, 2, 50, 400))
        return data

    def _word(self, data: bytearray) -> bytearray:
        if not self._words:
            return self._repeat(data)
        at = self._at(data)
        word = self._rng.choice(self._words)
        data[at : at + (len(word) if self._rng.random() < 0.5 else 0)] = word * self._rng.choice((1, 1, 1, 2, 30, 3000))
        return data

    def _swap(self, data: bytearray) -> bytearray:
        size = self._rng.choice((1, 4, 8, 32, 48))
        one, other = self._at(data, size), self._at(data, size)
        data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
        return data

    def _noise(self, data: bytearray) -> bytearray:
        at = self._at(data)
        data[at:at] = self._rng.randbytes(self._rng.choice((1, 8, 64, 700)))
        return data
