"""What a format is to the scanner, and what its judge gets to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from hanse.scan.facts import Facts, View
from hanse.scan.ruleset import Hit, Ruleset
from hanse.scan.source import Source
from hanse.scan.walk import JOINER, ViewBuilder, Walk

HEAD_BYTES = 4096


@dataclass(frozen=True)
class Context:
    """What a judge knows beside its view. path: of the file in its repository, `/` between segments; never of the machine."""

    path: str
    facts: Facts
    rules: Ruleset

    @cached_property
    def name(self) -> str:
        """Last segment of the path, in lower case."""
        return self.path.rsplit("/", 1)[-1].lower()

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of the name, last first and each with its dot: `model.tar.gz` has `.gz`, `.tar`."""
        return tuple(f".{part}" for part in reversed(self.name.split(".")[1:]))

    @cached_property
    def suffix(self) -> str:
        """The last ending with its dot, in lower case, or nothing."""
        return self.suffixes[0] if self.suffixes else ""

    def place_of(self, member: str) -> str:
        """Return the path in lower case by which loaders know what is judged: the member's in its archive, or the file's."""
        return (member.rsplit(JOINER, 1)[-1] if member else self.path).lower()

    def name_of(self, member: str) -> str:
        """Return the last segment of that path."""
        return self.place_of(member).rsplit("/", 1)[-1]

    def suffix_of(self, member: str) -> str:
        """Return the last ending of that name with its dot, or nothing."""
        _, dot, ending = self.name_of(member).rpartition(".")
        return dot + ending if dot else ""


def _never(_head: bytes, _source: Source) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    executes: its loaders can be made to run code or touch files; claims: tell from the first HEAD_BYTES bytes (and the source,
    if need be) whether the content could be this format; observe: write what is there into the view; judge: yield the rules
    that apply to such a view; probe: operations that claims may need for content that begins like a message of protocol buffers,
    which is the only content that such a format is asked about. Formats that are only met inside others (a configuration inside
    an archive) never claim.
    """

    name: str
    executes: bool
    judge: Callable[[View, Context], Iterator[Hit]]
    claims: Callable[[bytes, Source], bool] = _never
    observe: Callable[[Source, ViewBuilder, Walk], None] | None = None
    probe: int = 0
