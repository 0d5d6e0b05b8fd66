"""Model graphs cut or altered anywhere: the scan ends, within its budget, and never as an error of the scanner."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples import graphs, graphs_tensorflow
from tests.samples.base import Sample

from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource

FAMILIES = graphs.FAMILIES | graphs_tensorflow.FAMILIES
SAMPLES = [one for family in FAMILIES.values() for one in (*family.malicious, *family.benign) if len(one.data) < 4096]


def _ends_well(data: bytes) -> None:
    facts = extract(BytesSource(data))
    assert not [view for view in facts.views if view.stopped and view.stopped.startswith("error:")]


@settings(max_examples=150, deadline=None)
@given(sample=st.sampled_from(SAMPLES), share=st.floats(0, 1))
def test_cut(sample: Sample, share: float) -> None:
    """A file cut anywhere is described."""
    _ends_well(sample.data[: int(len(sample.data) * share)])


@settings(max_examples=300, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_altered(sample: Sample, changes: list[tuple[int, int]]) -> None:
    """A file with altered bytes is described."""
    data = bytearray(sample.data)
    for at, value in changes:
        data[at % len(data)] = value
    _ends_well(bytes(data))
