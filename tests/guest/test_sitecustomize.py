"""What every Python program of a session loads first: it must change nothing but the Hub client."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.clients import client_python

from hanse.flows.gateway.env import GUEST, client_env

URL = "http://127.0.0.1:1/secret"


def _run(program: str, tmp_path: Path, python: str | Path = sys.executable, **extra: str) -> subprocess.CompletedProcess[str]:
    environ = client_env({"PATH": os.environ["PATH"], **extra}, URL, tmp_path / "hub-cache" / "open")
    return subprocess.run([python, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=120)


def test_nothing_is_loaded_before_the_client_is(tmp_path: Path) -> None:
    """A program that does not use the client gets one finder of modules, and no module that Python does not start with."""
    lean = "import sys; print([n for n in ('json', 'http.client', 'inspect', 'hanse_given', 'contextlib') if n in sys.modules])"
    plain = subprocess.run([sys.executable, "-S", "-c", lean], capture_output=True, text=True, check=True, timeout=120).stdout
    assert _run(lean, tmp_path, python="/usr/bin/python3").stdout == plain == "[]\n"


def test_a_hidden_one_runs(tmp_path: Path) -> None:
    """A `sitecustomize` of the machine or the user is run as without Hanse."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.told = __name__, __file__\nassert sys.modules[__name__].sys\n")
    found = _run("import sys, json; print(json.dumps(sys.told))", tmp_path, PYTHONPATH=str(tmp_path))
    assert json.loads(found.stdout) == ["sitecustomize", str(tmp_path / "sitecustomize.py")]


def test_what_old_pythons_load_is_ascii_and_has_no_new_syntax() -> None:
    """Python 2.7 and 3.6 load the first file too, and would tell of an error at every start: it has no annotations."""
    source = (GUEST / "sitecustomize.py").read_text("ascii")
    kinds = {type(node) for node in ast.parse(source, feature_version=(3, 4)).body}
    assert kinds == {ast.Expr, ast.Import, ast.If}


def test_without_a_gateway_nothing_happens(tmp_path: Path) -> None:
    """A program that was started without a gateway, with a search path that still leads here, is left alone."""
    command = [sys.executable, "-c", "import sys; print([type(one).__name__ for one in sys.meta_path])"]
    done = subprocess.run(command, env={"PYTHONPATH": str(GUEST)}, capture_output=True, text=True, check=True, timeout=120)
    assert "'Finder'" not in done.stdout


@pytest.mark.parametrize("client", [pytest.param("hub0", marks=pytest.mark.soak), "hub2"])
def test_the_client_asks_the_gateway(client: str, tmp_path: Path) -> None:
    """A program that sets another hub in its own code is told, and its client asks the gateway all the same."""
    program = """
import os
os.environ["HF_ENDPOINT"] = "https://me:secret@other.example"
from huggingface_hub import constants, hf_hub_download, snapshot_download, try_to_load_from_cache
print(constants.ENDPOINT, *(hasattr(one, "__wrapped__") for one in (hf_hub_download, snapshot_download)))
"""
    done = _run(program, tmp_path, python=client_python(client))
    assert done.stdout == f"{URL} True True\n"
    assert done.stderr.startswith("hanse: this program names 'other.example' as its hub")
