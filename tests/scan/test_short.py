"""Sources that hold less than they declare, as damaged members of archives do."""

from __future__ import annotations

import pytest
from tests.samples.families import all_samples

from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource


class Short(BytesSource):
    """Bytes that end before the size they declare."""

    def __init__(self, data: bytes, missing: int) -> None:
        super().__init__(data)
        self.size = len(data) + missing


@pytest.mark.soak
@pytest.mark.parametrize(("kept", "missing"), [(1.0, 7), (0.5, 0), (0.9, 100_000)])
def test_no_reader_waits_for_what_does_not_come(kept: float, missing: int) -> None:
    """Every sample, cut short of its declared size, has facts without an error of the scanner's own."""
    for family, _, sample in all_samples():
        cut = int(len(sample.data) * kept)
        facts = extract(Short(sample.data[:cut], missing or len(sample.data) - cut))
        errors = [view.stopped for view in facts.views if (view.stopped or "").startswith("error:")]
        assert not errors, (family, sample.path, sample.note, errors)
