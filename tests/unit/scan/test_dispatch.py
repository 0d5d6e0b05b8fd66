"""Every format is registered once, and facts are a function of bytes."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples.zipcraft import archive

from hanse.model.canonical import canonical
from hanse.scan import dispatch
from hanse.scan.dispatch import LOOK_COST, MODULES, all_formats, extract, format_named
from hanse.scan.source import BytesSource


def test_formats_have_distinct_names() -> None:
    """No module hides another one's format."""
    assert sum(map(len, MODULES.values())) == len(all_formats())
    assert {"zip", "pickle", "safetensors", "gguf", "hdf5", "onnx", "media"} <= set(all_formats())


@given(st.binary(max_size=400))
def test_facts_of_anything(data: bytes) -> None:
    """Any bytes have facts, the same ones each time, and these have a canonical form."""
    facts = extract(BytesSource(data))
    assert canonical(facts.to_json()) == canonical(extract(BytesSource(data)).to_json())
    assert not [view.stopped for view in facts.views if (view.stopped or "").startswith("error:")]


def test_looking_at_content_is_charged() -> None:
    """Every member costs what it takes to ask the formats about it, unless it is empty."""
    full = extract(BytesSource(archive(*[(f"{number}", b"hello") for number in range(50)])))
    empty = extract(BytesSource(archive(*[(f"{number}", b"") for number in range(50)])))
    assert full.spent["operations"] - empty.spent["operations"] >= 50 * LOOK_COST
    assert [view.member for view in empty.views if view.member] == []


def test_formats_are_there_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that judges while another loads the formats never sees the first few of them as all."""
    seen: list[int] = []

    def load(name: str) -> ModuleType:
        seen.append(len(dispatch._FORMATS))
        return import_module(name)

    monkeypatch.setattr(dispatch, "_FORMATS", {})
    monkeypatch.setattr(dispatch, "import_module", load)
    assert len(all_formats()) >= len(MODULES)
    assert set(seen) == {0}


def test_each_format_is_found_by_name_alone() -> None:
    """The table says which formats a module has, so one is found without loading the others, and is the same one."""
    for module, names in MODULES.items():
        assert tuple(one.name for one in import_module(f"hanse.scan.{module}").FORMATS) == names
    assert {name: format_named(name) for names in MODULES.values() for name in names} == all_formats()
    assert format_named("file") is None
