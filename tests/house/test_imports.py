"""The command line starts fast: help and offline verbs load neither the database nor the web server."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "psycopg", "starlette", "uvicorn", "numpy", "structlog", "jinja2")
PROBE = """
import sys, io, contextlib
from hanse.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(code, *sorted(set({heavy!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["admin", "--help"],
        ["key", "--help"],
        ["key", "fingerprint", "--help"],
        ["admin", "user", "--help"],
        ["serve", "--help"],
        ["service", "install", "--print"],
        ["completion", "bash", "--print"],
        ["policy", "show", "strict"],
    ],
)
def test_light_verbs_import_nothing_heavy(arguments: list[str]) -> None:
    """Verbs that need no node load no database, web server or numeric library."""
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"
