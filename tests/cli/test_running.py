"""What a program under `hanse run` waits for: nothing is loaded that what is held can do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hanse.conform.origin import HubOrigin

NAME = "org/m"
FILES = {"config.json": b'{"model_type": "bert"}', "README.md": b"# m\n", "big.txt": b"0123456789abcdef" * (1 << 17)}
_FETCH = """
import hashlib, os, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for path in sys.argv[1:]:
    print(hashlib.sha256(opener.open(os.environ["HF_ENDPOINT"] + "/org/m/resolve/main/" + path).read()).hexdigest())
"""
_RUN = """
import json, sys
from hanse.cli.main import run
code = run(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps(sorted(sys.modules)))
sys.exit(code)
"""
NEEDLESS = (
    "cyclopts",
    "cryptography",
    "hanse.tlog",
    "hanse.sign",
    "hanse.flows.verify",
    "hanse.scan.pickle",
    "hanse.scan.torch",
    "numpy",
    "sqlalchemy",
    "tuf",
)
"""What verifies evidence, which an upstream's files have none of; what reads other formats than theirs; what nodes need."""


def _run(home: Path, *flags: str) -> tuple[list[str], set[str]]:
    """Fetch all files under `hanse run`; return their digests and what was loaded for that."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANSE_", "HF_"))}
    environ = {**kept, "HANSE_HOME": str(home), "HOME": str(home)}
    command = [sys.executable, "-c", _RUN, str(home / "modules.json"), "run", *flags, "--", sys.executable, "-c", _FETCH, *FILES]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), set(json.loads((home / "modules.json").read_text()))


def test_what_is_held_is_given_out_by_what_it_takes(tmp_path: Path) -> None:
    """Held files, small and large, are the same bytes as when they came, and nothing needless is loaded for them."""
    (tmp_path / "home").mkdir()
    with HubOrigin({NAME: FILES}) as origin:
        first, _ = _run(tmp_path / "home", "--upstream", origin.url)
        upstream = origin.url
    again, loaded = _run(tmp_path / "home", "--upstream", upstream, "--offline")
    assert again == first
    assert len(set(again)) == len(FILES)
    assert not [one for one in loaded if one.startswith(NEEDLESS)]
