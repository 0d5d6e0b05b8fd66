"""A bundle is made of a leaf and of bytes that are here, and only if it verifies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, C

from hanse.db import sightings
from hanse.errors import BadSignature
from hanse.flows.foreign import statements
from hanse.flows.foreign.copies import Copy
from hanse.flows.witness import find_log
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import OMS


def test_a_bundle_is_made(agreed: Agreed) -> None:
    """What another one signed is the same bytes with his signature; another leaf's signature or key makes none."""
    node, repo = agreed.three[B], agreed.at[B]
    copy = Copy(node.db, node.store, find_log(node, C))
    with node.db.read() as conn:
        (said,) = sightings.page(conn, C, -1, 10)
    leaf = copy.attest(said.index)
    assert leaf is not None
    assert leaf.predicate == OMS
    made = statements.find(node, repo, copy, said.index, leaf)
    assert made is not None
    payload = parse_bundle_json(made).envelope.payload
    assert statements.verified(copy, said.index, leaf, made) == statements.made(copy, said.index, leaf, payload)
    other = Copy(node.db, node.store, find_log(node, A))
    with pytest.raises(BadSignature, match="is not registered"):
        statements.made(other, said.index, leaf, payload)
    with pytest.raises(BadSignature, match="is not registered"):
        statements.made(copy, 0, leaf, payload)
    with pytest.raises(BadSignature, match="another statement"):
        statements.made(copy, said.index, leaf, payload + b" ")
    assert statements.find(node, repo, copy, said.index, replace(leaf, sig=leaf.sig[::-1].replace("=", "A"))) is None
