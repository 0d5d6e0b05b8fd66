"""What runs a model: an engine answers items and says what it was observed to be after loading. Pure: values and a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request

NOT_SAID = "not said"
"""Value of a field of the numerics that an engine does not tell."""


@dataclass(frozen=True, slots=True)
class Observed:
    """An engine as it was observed after loading.

    numerics: by `hanse.evals.record.CLASS_FIELDS`; hardware: more of the machine, without names of hosts and people; gaps: fields
    that it could not tell.
    """

    numerics: Mapping[str, str]
    hardware: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for an item.

    text: the answer, or the choice that is likeliest; rendered: the prompt as the model saw it, or as it was sent where nobody
    tells; prompt_ids, tokens: token ids, empty where not told; count: tokens that came; logprobs: of the tokens, or of each
    choice, natural logarithm; says: why it is an error.
    """

    status: Status
    text: str
    rendered: str
    prompt_ids: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    count: int = 0
    logprobs: tuple[float, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One item to be answered, in one epoch, as the suite says."""

    item: Item
    epoch: int
    request: Request
    decoding: Decoding

    @property
    def seed(self) -> int:
        """The seed of sampling: every epoch has its own."""
        return (self.decoding.seed + self.epoch) % 2**31


@dataclass(frozen=True, slots=True)
class Forced:
    """What tokens that somebody claims are worth to a model behind an item's prompt.

    rendered: the prompt as this model sees it; gaps: the highest logit over that of the claimed token, one for each; text: what
    the tokens say; as_said: they were computed as when they are generated, so that the same engine finds the same numbers.
    """

    rendered: str
    gaps: tuple[float, ...]
    text: str
    as_said: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What an engine used for its answers so far.

    prefill, decode: tokens and seconds; first: seconds to each answer's first token; host, device: most bytes of memory.
    """

    prefill: tuple[int, float] = (0, 0.0)
    decode: tuple[int, float] = (0, 0.0)
    first: tuple[float, ...] = ()
    host: int = 0
    device: int = 0


class Auditor(Protocol):
    """A model that can be made to say what another one is claimed to have said."""

    def force(self, ask: Ask, tokens: Sequence[int]) -> Forced:
        """Return what claimed tokens are worth; raises EngineFailed, or InputError for tokens that are none of this model's."""
        ...

    def answer(self, ask: Ask) -> Answer:
        """Return the answer to an item, as `Engine.answer`."""
        ...

    def observed(self) -> Observed:
        """Return what it is, as `Engine.observed`."""
        ...


class Engine(Protocol):
    """Runs one model."""

    def observed(self) -> Observed:
        """Return what it is; raises EngineFailed or PeerError."""
        ...

    def answer(self, ask: Ask) -> Answer:
        """Return the answer to an item; an error that is the item's own is a status.

        Raises EngineFailed or PeerError if the engine cannot go on.
        """
        ...

    def close(self) -> None:
        """End it and what it started."""
        ...


@runtime_checkable
class Measuring(Engine, Protocol):
    """An engine that measures what it uses."""

    def usage(self) -> Usage:
        """Return what it used for its answers so far; raises EngineFailed."""
        ...
