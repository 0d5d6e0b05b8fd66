"""The form of a record is tested where records are (`test_record`); here what it asks for as a whole."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.evals.recordform import parse_fields


def test_no_record() -> None:
    """Something else says which fields a record has."""
    with pytest.raises(BadFormat, match="numericsClass"):
        parse_fields({"score": 1})
