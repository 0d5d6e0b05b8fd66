"""Rulesets from the package, a file, or a folder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from hanse.errors import BadFormat, StorageError
from hanse.flows import rulesets
from hanse.flows.rulesets import builtin_ruleset, load_ruleset
from hanse.scan.ruleset import parse_ruleset

RULE = """
version = "9"
[[rule]]
id = "A-B"
severity = "caution"
title = "t"
says = "s"
remedy = "r"
meaning = "m"
source = "s"
example = "e"
"""


def test_the_builtin_ruleset_is_complete() -> None:
    """It parses, has a version and a digest, and is made once."""
    assert builtin_ruleset() is builtin_ruleset()
    assert len(builtin_ruleset().digest) == 64
    assert "FILE-UNKNOWN-FORMAT" in builtin_ruleset().rules


def test_a_ruleset_from_a_file_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOML, JSON and a folder of TOML files are the same ruleset."""
    monkeypatch.setattr(rulesets, "builtin_ruleset", lambda: parse_ruleset([tomllib.loads(RULE)]))
    (tmp_path / "a.toml").write_text(RULE)
    rule = dict.fromkeys(("says", "source"), "s") | {"id": "A-B", "severity": "caution"}
    rule |= {"title": "t", "remedy": "r", "meaning": "m", "example": "e"}
    (tmp_path / "a.json").write_text(json.dumps({"version": "9", "rule": [rule]}))
    digests = {load_ruleset(tmp_path / name).digest for name in ("a.toml", "a.json", ".")}
    assert len(digests) == 1


@pytest.mark.parametrize(("name", "text"), [("a.toml", "x ="), ("a.json", "{"), ("a.json", "[]"), ("a.json", "[" * 100_000)])
def test_what_does_not_parse_is_refused(name: str, text: str, tmp_path: Path) -> None:
    """A broken file is BadFormat with its name."""
    (tmp_path / name).write_text(text)
    with pytest.raises(BadFormat, match="ruleset"):
        load_ruleset(tmp_path / name)


def test_bounds_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there is StorageError, a huge one is not read in."""
    with pytest.raises(StorageError):
        load_ruleset(tmp_path / "none.toml")
    monkeypatch.setattr(rulesets, "MAX_RULESET_BYTES", 10)
    (tmp_path / "a.toml").write_text(RULE)
    with pytest.raises(BadFormat, match="larger"):
        load_ruleset(tmp_path / "a.toml")


def test_the_compiled_ruleset_is_that_of_the_toml_files() -> None:
    """`ruleset.json` was written from the TOML files as they are now (`make docs` writes it)."""
    assert builtin_ruleset().digest == parse_ruleset(rulesets.builtin_parts()).digest


def test_a_part_of_a_ruleset_is_refused(tmp_path: Path) -> None:
    """What lacks a rule or a list that the scanner asks for is refused when it is loaded, and says what it lacks."""
    parts = list(rulesets.builtin_parts())
    whole = {"version": "9", "rule": [rule for part in parts for rule in part.get("rule", [])]}
    data = {area: table for part in parts for area, table in part.get("data", {}).items()}
    (tmp_path / "whole.json").write_text(json.dumps(whole | {"data": data}))
    assert load_ruleset(tmp_path / "whole.json").version == "9"
    (tmp_path / "a.toml").write_text(RULE)
    with pytest.raises(BadFormat, match=r"lacks .* more, which"):
        load_ruleset(tmp_path / "a.toml")
    data["repository"].pop("widths")
    (tmp_path / "less.json").write_text(json.dumps(whole | {"data": data}))
    with pytest.raises(BadFormat, match=r"lacks data\.repository\.widths, which"):
        load_ruleset(tmp_path / "less.json")
