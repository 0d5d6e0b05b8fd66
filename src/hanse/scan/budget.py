"""Budgets in operations and bytes, never in time: the same file runs out at the same place on every machine.

One operation is about the work of one pickle opcode (0.1 to 0.2 microseconds). A file of 10 MB must end within two seconds
and 256 MB whatever is in it, so limits grow with the file's size; what is used is part of the evidence.
"""

from __future__ import annotations

MIB = 1024 * 1024


class OverBudget(Exception):
    """A bound was reached; `resource` names it. Ends the part being read, which is then inconclusive."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self.resource = resource


def limits_for(size: int) -> dict[str, int]:
    """Return the bounds for a file of `size` bytes.

    operations: units of work; inflated: bytes made by decompression; members: parts inside archives and streams; depth: archives
    in archives; observations: facts kept; text: bytes of text parsed as a grammar (JSON, Python, Jinja); programs: the part of
    the operations that programs may use, so that an archive full of them leaves enough for what is executed.
    """
    # About two seconds of work for whatever is in 10 MB; real files of more need up to three operations a byte.
    operations = 10_000_000 + 3 * max(0, size - 10_000_000)
    return {
        "operations": operations,
        "programs": operations * 3 // 4,
        # Large files may be compressed well: twice their content must fit, once to measure it and once to read it.
        "inflated": 256 * MIB + 4 * size + 40 * max(0, size - 16 * MIB),
        "members": 20_000,
        "depth": 6,
        "observations": 20_000,
        "text": 32 * MIB,
    }


class Budget:
    """What is left of every bound while one file is read."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.limits = dict(limits)
        self.spent = dict.fromkeys(limits, 0)

    def spend(self, resource: str, count: int = 1) -> None:
        """Use `count` units; raises OverBudget when the bound is passed. What was spent never shows more than the bound."""
        used = self.spent[resource] + count
        limit = self.limits[resource]
        self.spent[resource] = min(used, limit)
        if used > limit:
            raise OverBudget(resource)

    def left(self, resource: str) -> int:
        """Return how many units are left."""
        return self.limits[resource] - self.spent[resource]


class Share(Budget):
    """A budget as one kind of work sees it: what it spends counts `factor` times, and to a bound of its own."""

    def __init__(self, whole: Budget, resource: str, factor: int) -> None:
        self.limits = whole.limits
        self.spent = whole.spent
        self._whole = whole
        self._resource = resource
        self._factor = factor

    def spend(self, resource: str, count: int = 1) -> None:
        """Use `count` units of the whole; operations also of the share. Raises OverBudget when either bound is passed."""
        if resource == "operations":
            count *= self._factor
            self._whole.spend(self._resource, count)
        self._whole.spend(resource, count)
