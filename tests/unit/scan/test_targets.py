"""Names that a loader would import and call."""

from __future__ import annotations

import pytest

from hanse.flows.rulesets import builtin_ruleset
from hanse.scan.facts import Facts
from hanse.scan.formats import Context
from hanse.scan.targets import CUSTOM, DENIED, FINE, classify, is_prose

CONTEXT = Context("a/b.yaml", Facts("s", 0, (), {}), builtin_ruleset())


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.os.system",
        "torch.load",
        "torch.hub.load",
        "nemo.x.subprocess.run",
        "os",
        "pty.spawn",
        "numpy.load",
        "torch.nn.Linear.__init__.__globals__",
        "random.Random",
        "joblib.load",
        "hydra.utils.get_method",
        "os:system",
        " os.system ",
    ],
)
def test_what_runs_or_loads_is_denied(name: str) -> None:
    """The standard library, loaders of other code, and both reached through a package."""
    assert classify(name, CONTEXT) == DENIED


@pytest.mark.parametrize(
    "name", ["torch.nn.Linear", "nemo.collections.asr.models.EncDecCTCModel", "pathlib.Path", "collections.OrderedDict", ""]
)
def test_classes_of_known_libraries_are_fine(name: str) -> None:
    """A class of a listed package, and plain values of the standard library."""
    assert classify(name, CONTEXT) == FINE


@pytest.mark.parametrize("name", ["my_project.Model", "torch.nn.functional.relu", "src.utils.build", "custom_st.Transformer"])
def test_everything_else_needs_trust(name: str) -> None:
    """Unknown packages, and functions of known ones."""
    assert classify(name, CONTEXT) == CUSTOM


def test_documents_for_people_are_told_by_their_ending() -> None:
    """The innermost member's name counts."""
    assert is_prose(CONTEXT, "x.nemo!/README.md")
    assert not is_prose(CONTEXT, "x.nemo!/model_config.yaml")
    assert not is_prose(CONTEXT, "")
