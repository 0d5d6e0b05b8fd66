"""What a file of another member says counts by this node's own copy of the log, never by the file."""

from __future__ import annotations

import pytest
from tests.flows.foreign.conftest import WORD, A, Agreed, C

from hanse.errors import BadFormat
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.keep import keep_evidence
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import parse_statement


def words(data: bytes) -> list[str]:
    """Return the predicates of the statements in a file."""
    found = [parse_statement(parse_bundle_json(one).envelope.payload) for one in parse_evidence(data).bundles]
    return [one.predicate_type for one in found]


def test_statements_of_others_are_kept_once(agreed: Agreed) -> None:
    """A statement that cannot be made here is taken from a file if the log lists it, and shown from then on."""
    node, repo = agreed.three[C], agreed.at[C]
    data = of_revision(agreed.three[A], agreed.at[A], "main")[1]
    forged = encode_evidence([one.replace(b"a", b"b", 1) for one in parse_evidence(data).bundles], [], [])
    before = of_revision(node, repo, "main")[1]
    assert WORD not in words(before)
    assert keep_evidence(node, repo, forged) == 0
    with pytest.raises(BadFormat):
        keep_evidence(node, repo, b"no evidence")
    assert keep_evidence(node, repo, data) == 1
    assert keep_evidence(node, repo, data) == 0
    assert WORD in words(of_revision(node, repo, "main")[1])
