"""What a node keeps in memory for its scanner."""

from __future__ import annotations

from tests.support.scanning import rules

from hanse.flows.scanner import Recent, Scanning
from hanse.jobs.pool import ScanPool
from hanse.model.admission import Policy


def test_the_least_used_goes_first() -> None:
    """A bound in weight is kept; what was asked for lately stays."""
    kept: Recent[str, bytes] = Recent(10, len)
    kept.put("a", b"12345")
    kept.put("b", b"12345")
    assert kept.get("a") == b"12345"
    kept.put("c", b"1")
    assert (kept.get("b"), kept.get("a"), kept.get("c")) == (None, b"12345", b"1")
    kept.put("a", b"1")
    assert kept.pop("a") == b"1"
    assert kept.pop("a") is None
    kept.put("huge", bytes(100))
    assert kept.get("huge") == bytes(100)
    kept.clear()
    assert kept.get("huge") is None


def test_the_basis_names_all_that_verdicts_depend_on() -> None:
    """Another ruleset or policy is another basis, the same one the same."""
    pool = ScanPool(1)
    found = {
        Scanning(pool, rules("suspicious")).basis,
        Scanning(pool, rules("suspicious")).basis,
        Scanning(pool, rules("malicious")).basis,
        Scanning(pool, rules("suspicious"), Policy(enforce=False)).basis,
    }
    assert len(found) == 3
