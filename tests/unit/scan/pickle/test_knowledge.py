"""What rulesets know about names."""

from __future__ import annotations

import sys

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.pickle.knowledge import Knowledge, knowledge_of
from hanse.scan.ruleset import parse_ruleset


@pytest.fixture(name="known", scope="module")
def _known() -> Knowledge:
    return knowledge_of(builtin_ruleset())


@pytest.mark.parametrize(
    ("name", "present"),
    [
        ("__builtin__ unicode", "builtins str"),
        ("copy_reg _reconstructor", "copyreg _reconstructor"),
        ("exceptions ValueError", "builtins ValueError"),
        ("numpy.core.multiarray scalar", "numpy._core.multiarray scalar"),
        ("pytorch_lightning.callbacks Timer", "lightning.pytorch.callbacks Timer"),
        ("sklearn.externals.joblib.numpy_pickle NumpyArrayWrapper", "joblib.numpy_pickle NumpyArrayWrapper"),
        ("numpy.corelib x", "numpy.corelib x"),
        ("collections OrderedDict", "collections OrderedDict"),
    ],
)
def test_old_names_have_present_ones(known: Knowledge, name: str, present: str) -> None:
    """Names of Python 2 and of modules that moved are judged as what they are now."""
    assert known.canonical(name) == present


def test_standard_library_of_any_version(known: Knowledge) -> None:
    """Every module of the running Python is in the frozen list, and so are those that are gone or of other systems."""
    missing = {name for name in sys.stdlib_module_names if not known.standard(f"{name} x")}
    assert missing == set()
    assert all(known.standard(f"{name} x") for name in ("distutils.spawn", "commands", "nt", "compression.zstd", "test.support"))
    assert not known.standard("torch x")


def test_references_to_process_control_are_dangerous(known: Knowledge) -> None:
    """Submodules of dangerous modules count, harmless functions do not."""
    assert known.dangerous("os system")
    assert known.dangerous("multiprocessing.util spawnv_passfds")
    assert known.dangerous("builtins eval")
    assert not known.dangerous("builtins len")


def test_gadgets_have_advisories(known: Knowledge) -> None:
    """Known gadgets are found by name and by pattern."""
    found = known.gadget("pkgutil resolve_name")
    assert found is not None
    assert "GHSA-vvpj-8cmc-gx39" in found.refs
    assert known.gadget("idlelib.run Executive.runcode") is not None
    assert known.gadget("collections OrderedDict") is None


def test_strictest_place_wins(known: Knowledge) -> None:
    """A name that one profile calls in one shape and another creates freely is held to the shape."""
    place = known.place("torch device")
    assert place is not None
    assert place.how == "call"


def test_longest_package_wins(known: Knowledge) -> None:
    """A module belongs to the profile of its nearest package."""
    inner, outer = known.package("transformers.trainer_utils"), known.package("transformers.models.bert")
    assert inner is not None
    assert outer is not None
    assert (inner.profile, outer.profile) == ("training-args", "modules")
    assert known.package("someone") is None


def test_profiles_are_sound(known: Knowledge) -> None:
    """Every name is in its present form, every shape exists, and nothing that may be called freely is a gadget."""
    assert [name for name in known.exact if known.canonical(name) != name] == []
    assert {place.shape for place in known.exact.values() if place.how == "call"} <= set(known.data["shapes"])
    assert [name for name, place in known.exact.items() if place.how == "class" and name in known.gadgets] == []


def test_a_ruleset_without_pickles() -> None:
    """A ruleset that says nothing about pickles knows nothing, and does not fail."""
    rule = {"id": "A-B", "severity": "safe"} | dict.fromkeys(("title", "says", "remedy", "meaning", "source", "example"), "x")
    known = knowledge_of(parse_ruleset([{"version": "1", "rule": [rule]}]))
    assert known.place("os system") is None
    assert known.shape("absent") == ["any*"]
