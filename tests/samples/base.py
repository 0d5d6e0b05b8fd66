"""What the sample generators make: inert files of one technique, with benign twins beside them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A generated file. path: the name it would have in a repository."""

    path: str
    data: bytes
    note: str = ""


@dataclass(frozen=True)
class Family:
    """Samples of one technique.

    malicious: what a loader would act on; benign: files that look alike and do nothing; malformed: broken, without payload.
    """

    name: str
    malicious: tuple[Sample, ...]
    benign: tuple[Sample, ...]
    malformed: tuple[Sample, ...] = ()
