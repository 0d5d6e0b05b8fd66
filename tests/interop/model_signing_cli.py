"""Runs commands of `model_signing` one after the other in one interpreter; started with the client's own Python, not a test.

Standard input: a JSON list of argument lists. Standard output: a JSON list of [exit code, what it printed].
"""

from __future__ import annotations

import json
import sys

from click.testing import CliRunner
from model_signing._cli import main

results = []
for arguments in json.load(sys.stdin):
    done = CliRunner().invoke(main, arguments)
    results.append([done.exit_code, done.output])
json.dump(results, sys.stdout)
