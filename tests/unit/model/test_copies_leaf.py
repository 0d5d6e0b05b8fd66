"""A leaf says whether members may hold a repository that not everybody gets."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.model.canonical import canonical
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.leaf import encode_leaf, parse_leaf
from hanse.model.repo import Origin, RepoType

LEAF = CopiesLeaf(5, Origin("models.example.org"), RepoType.MODEL, "org/name", allowed=True)


def test_it_is_read_as_it_was_written() -> None:
    """Encoding and parsing give the same leaf, which no reader must understand."""
    assert parse_leaf(encode_leaf(LEAF)) == LEAF
    assert not LEAF.must


@pytest.mark.parametrize(
    ("name", "value"), [("allowed", "yes"), ("allowed", 1), ("repo", "ab" * 32), ("repo", "Org/Name"), ("more", 1)]
)
def test_nothing_else_is_one(name: str, value: object) -> None:
    """Another value, a concealed or unfolded name and a further field are refused."""
    import json

    fields = {**json.loads(encode_leaf(LEAF)), name: value}
    with pytest.raises(BadFormat):
        parse_leaf(canonical(fields))
