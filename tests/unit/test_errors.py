"""The error tree: codes are unique, messages and hints are kept, families stay apart."""

from __future__ import annotations

from hanse import errors
from hanse.errors import HanseError


def families() -> list[type[HanseError]]:
    """Return every error class below HanseError."""
    found: list[type[HanseError]] = []
    queue = [HanseError]
    while queue:
        children = queue.pop().__subclasses__()
        found += children
        queue += children
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_codes_are_unique() -> None:
    """Every class has a code of its own, since clients and documentation tell errors apart by it."""
    codes = [kind.code for kind in families()]
    assert len(set(codes)) == len(codes)


def test_message_and_hint() -> None:
    """An error carries a message, and a hint that may be empty."""
    error = errors.BadPath("no", hint="do this")
    assert (str(error), error.message, error.hint) == ("no", "no", "do this")
    assert errors.BadPath("no").hint == ""


def test_lies_refusals_and_outages_are_kept_apart() -> None:
    """No class belongs to two of: data lies, policy refuses, a peer fails, our storage fails, the caller errs."""
    roots = [
        errors.IntegrityError,
        errors.PolicyError,
        errors.PeerError,
        errors.StorageError,
        errors.InputError,
        errors.AccessError,
        errors.NotFoundError,
    ]
    for kind in families():
        assert sum(issubclass(kind, root) for root in roots) == 1, kind


def test_extra_facts_of_single_classes() -> None:
    """Some errors carry what their HTTP form needs."""
    assert errors.RateLimited("slow", retry_after=7).retry_after == 7
    assert errors.EntryNotFound("no", rev="a" * 40).rev == "a" * 40
    assert errors.GatedRepo("ask", anonymous=True).anonymous
    assert errors.PolicyError("no", failed=("r1", "r2")).failed == ("r1", "r2")
