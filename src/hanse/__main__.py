"""`python -m hanse` is the `hanse` command."""

from __future__ import annotations

from hanse.cli.main import main

main()
