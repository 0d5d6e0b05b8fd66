"""Tags and targets in YAML, read as events."""

from __future__ import annotations

import pytest
from tests.support.judging import judged, rules_of


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['x']",
        "a: !!python/name:os.system",
        "- !!python/object/new:subprocess.Popen [[x]]",
        "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [x]",
        "a: !<tag:yaml.org,2002:python/object/apply:os.system> [x]",
        "a: !!python/module:subprocess",
        "a: !apply:os.system [x]",
    ],
)
def test_tags_that_call_are_malicious(text: str) -> None:
    """Every spelling of a tag that unsafe loaders call is found."""
    assert rules_of(judged(f"x: 1\n{text}\n".encode() if "%TAG" not in text else text.encode(), "c.yaml")) == {"TARGET-DENIED"}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/tuple [1, 2]",
        "a: !!python/object/apply:pathlib.PosixPath [x]",
        "a: !new:torch.nn.ReLU",
        "a: !ref <x>",
        "a: !!str 1",
    ],
)
def test_tags_of_plain_values_and_known_classes_are_safe(text: str) -> None:
    """Tuples, paths and layers are what hyperparameter files have."""
    assert judged(f"x: 1\n{text}\n".encode(), "hparams.yaml").findings == ()


@pytest.mark.parametrize(
    "text",
    [
        "_target_: os.system",
        '"_target_": "os.system"',
        '"\\x5ftarget_": os.system',
        "? _target_\n: os.system",
        "a: {b: [{_target_: os.system}]}",
        "_target_: >-\n  os.system",
        "x: &y os.system\nz: {_target_: *y}",
        "a: 1\n---\n_target_: os.system",
        "_target_: os.system\nb: [unclosed",
    ],
)
def test_targets_are_found_however_they_are_written(text: str) -> None:
    """Quotes, escapes, aliases, folded text, several documents and broken ones hide nothing."""
    assert "TARGET-DENIED" in rules_of(judged(text.encode(), "c.yaml"))


def test_long_text_is_searched_to_its_end() -> None:
    """Padding before, and the seam between two windows, hide nothing."""
    for pad in (70_000, 2 * 1024 * 1024 - 12, 3_000_000):
        data = b"#" * (pad - 1) + b"\na:\n  _target_: os.system\n"
        assert "TARGET-DENIED" in rules_of(judged(data, "c.yaml"))
    odd = b"# x\n" * 30_000 + b"a:\n  _target_:\n    - os.system\n"
    assert rules_of(judged(odd, "c.yaml")) == {"YAML-UNREAD"}


def test_every_encoding_is_read() -> None:
    """YAML readers take UTF-16 with a byte order mark."""
    assert "TARGET-DENIED" in rules_of(judged("_target_: os.system\n".encode("utf-16"), "c.yaml"))


def test_source_code_and_prose_are_not_configurations() -> None:
    """Examples in documents are no finding."""
    data = b"x: y\n\n_target_: os.system\na: !!python/name:os.system\n"
    assert judged(data, "README.md").findings == ()
    assert rules_of(judged(data, "train.py")) <= {"PYTHON-CODE", "PYTHON-IDLE"}
