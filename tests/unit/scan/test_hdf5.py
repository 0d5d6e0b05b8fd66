"""HDF5 files: what leads out of them, and what lies in their attributes."""

from __future__ import annotations

import pytest
from tests.samples.graphs import PICKLE, linked
from tests.samples.wire import Hdf5, external_link, link, text_attribute, variable_attribute
from tests.support.judging import judged, rules_of

from hanse.model.finding import Coverage
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import view_of

JSON = b'{"class_name": "Lambda", "config": {"function": "import os"}}'


def test_old_and_new_groups_are_walked() -> None:
    """A link in a new-style group below an old-style one is found."""
    assert rules_of(judged(linked(b"/x.h5"), "m.h5")) == {"HDF5-LINK-OUTSIDE"}
    assert rules_of(judged(linked(b"x.h5"), "m.h5")) == {"HDF5-LINK-BESIDE"}


@pytest.mark.parametrize("name", [b"model_config", b"anything"])
def test_configurations_in_attributes(name: bytes) -> None:
    """JSON in an attribute of fixed or variable length is read as what it is."""
    fixed, variable = Hdf5(), Hdf5()
    assert "KERAS-LAMBDA-TEXT" in rules_of(judged(fixed.done(fixed.header(text_attribute(name, JSON + b"\0\0"))), "m.h5"))
    heap = variable.global_heap(b"other", JSON)
    assert "KERAS-LAMBDA-TEXT" in rules_of(
        judged(variable.done(variable.header(variable_attribute(name, JSON, heap, 2))), "m.h5")
    )


def test_pickles_in_attributes_are_looked_at() -> None:
    """What could be a pickle of PyTables is described as a member; plain sentences are not."""
    file = Hdf5()
    facts = extract(BytesSource(file.done(file.header(text_attribute(b"a", PICKLE), text_attribute(b"b", b"A sentence.")))))
    assert facts.spent["members"] == 1


def test_one_value_in_many_attributes_is_read_once() -> None:
    """A thousand attributes with the same configuration cost one reading."""
    file = Hdf5()
    heap = file.global_heap(JSON)
    root = file.header(*[variable_attribute(b"a%d" % number, JSON, heap) for number in range(1000)])
    assert extract(BytesSource(file.done(root))).spent["members"] == 1


def test_an_external_link_of_the_root() -> None:
    """Links are named with the group that they are in."""
    file = Hdf5()
    view = view_of(extract(BytesSource(file.done(file.header(external_link(b"w", b"../x.h5", b"/y"))))), "hdf5")
    assert view is not None
    assert [dict(one.data) for one in view.all("hdf5.link")] == [{"path": "/w", "file": "../x.h5", "object": "/y"}]


def test_a_user_defined_link() -> None:
    """Links of other classes need code of the reader."""
    kind, data = external_link(b"w", b"x")
    file = Hdf5()
    root = file.header((kind, data[:2] + bytes([187]) + data[3:]))
    assert rules_of(judged(file.done(root), "m.h5")) == {"HDF5-LINK-USER"}


def test_soft_links_and_loops_end() -> None:
    """A group that holds itself is visited once."""
    file = Hdf5()
    judgement = judged(file.done(file.header(link(b"a", 48), link(b"b", 48))), "m.h5")
    assert judgement.coverage is Coverage.COMPLETE
    assert judgement.findings == ()


def test_arrays_of_objects() -> None:
    """PyTables marks arrays of pickles; their rows are read wherever they lie in the file."""
    file = Hdf5()
    assert rules_of(judged(file.done(file.header(text_attribute(b"PSEUDOATOM", b"object"))), "m.h5")) == {"HDF5-PICKLED-ARRAY"}
    file.global_heap(b"\x80\x04N.", b"text", b"\x80\x04K\x01.")
    root = file.header(text_attribute(b"PSEUDOATOM", b"object"))
    assert extract(BytesSource(file.done(root))).spent["members"] == 2
