"""The scanner's id: its own version and those of the grammars that facts depend on."""

from __future__ import annotations

SCANNER_VERSION = "3"
"""Goes up whenever the facts of some file change, or what follows from them under one ruleset."""
GRAMMARS: tuple[str, ...] = ("jinja2/3.1.6", "pyyaml/6.0.3")
"""Parsers whose version decides what is a program or a template, each `name/version`; pinned exactly in pyproject.toml."""
SCANNER = " ".join((f"hanse-scan/{SCANNER_VERSION}", *GRAMMARS))
