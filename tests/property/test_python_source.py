"""Any text ends within its budget when it is read as Python."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.repos import FAMILIES

from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import describe
from hanse.scan.repocode import observe
from hanse.scan.source import BytesSource
from hanse.scan.walk import Walk

PROGRAMS = [sample.data for family in FAMILIES.values() for sample in (*family.malicious, *family.benign)]
PIECES = (
    b'( ) [ ] { } f\' \' " """ \\ \n \r \t : ; , . = := == if for in lambda def class import from as x exec base64 @ * ** -'
).split(b" ")


def stopped(data: bytes) -> str | None:
    """Return why reading ended early."""
    walk = Walk(Budget(limits_for(len(data))), describe)
    source = BytesSource(data)
    with walk.view("python", "", source, executes=True) as view:
        observe(source, view, walk)
    return walk.views()[0].stopped


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=200).map(b" ".join) | st.binary(max_size=300))
def test_any_text(data: bytes) -> None:
    """No text makes the reader fail; at most a bound is reached."""
    assert not (stopped(data) or "").startswith("error")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PROGRAMS), st.integers(0, 400), st.sampled_from(PIECES), st.integers(0, 8))
def test_mutated_programs(program: bytes, at: int, piece: bytes, cut: int) -> None:
    """No damaged program makes the reader fail."""
    assert not (stopped(program[:at] + piece + program[at + cut :]) or "").startswith("error")
