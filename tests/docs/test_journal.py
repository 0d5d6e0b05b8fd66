"""The examples of docs/journal.md are real records, and every field and operation is on the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.model.leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, conceal, encode_leaf, leaf_id, parse_leaf
from hanse.model.repo import Visibility

PAGE = (Path(__file__).parents[2] / "docs/journal.md").read_text()
EXAMPLES = [text.encode() for text in re.findall(r"```json\n(.*)\n```", PAGE)]
LEAVES = [parse_leaf(data) for data in EXAMPLES]
REFS = [leaf for leaf in LEAVES if isinstance(leaf, RefLeaf)]


def test_every_example_is_a_record_byte_for_byte() -> None:
    """Each example parses and encodes to the very bytes on the page."""
    assert [encode_leaf(leaf) for leaf in LEAVES] == EXAMPLES


def test_every_kind_and_operation_has_an_example() -> None:
    """There is a ref record, a deleted one, a claimed one, and a repo record of each operation."""
    assert {leaf.op for leaf in LEAVES if isinstance(leaf, RepoLeaf)} == set(RepoOp)
    assert {leaf.rev_kind for leaf in REFS} == set(RevKind)
    assert (REFS[1].rev, REFS[1].tree) == (NO_GIT_OID, NO_SHA256)


def test_every_field_and_value_is_explained() -> None:
    """Each field of any example, and each value of op and visibility, is named on the page in code type."""
    named = {name for data in EXAMPLES for name in json.loads(data)}
    for name in (*named, *(op.value for op in RepoOp), *(item.value for item in Visibility)):
        assert f"`{name}`" in PAGE


def test_the_examples_form_chains() -> None:
    """The second record's prev is the first one's hash, in clear and concealed."""
    first, second, _, hidden_first, hidden_second = REFS
    assert second.prev == leaf_id(encode_leaf(first))
    assert hidden_second.prev == leaf_id(encode_leaf(hidden_first))


def test_the_concealed_examples_are_the_clear_ones_under_the_salt() -> None:
    """Whoever has the salt on the page gets the concealed records from the clear ones."""
    found = re.search(r"under the salt `([0-9a-f]{64})`", PAGE)
    assert found
    salt = bytes.fromhex(found[1])
    first, second, _, hidden_first, hidden_second = REFS
    assert conceal(first, salt) == hidden_first
    assert conceal(replace(second, prev=hidden_second.prev), salt) == hidden_second
