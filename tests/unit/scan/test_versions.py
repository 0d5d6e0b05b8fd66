"""The scanner's id names what facts depend on."""

from __future__ import annotations

from importlib.metadata import version

from hanse.scan.versions import GRAMMARS, SCANNER


def test_grammars_are_those_installed() -> None:
    """Each grammar named in the id is installed in exactly that version."""
    assert SCANNER.startswith("hanse-scan/")
    for grammar in GRAMMARS:
        name, _, wanted = grammar.partition("/")
        assert version(name) == wanted
        assert grammar in SCANNER
