"""Costs of languages with a real tokenizer, in a process that has the library, and what is said where it is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.clients import MINILM, client_python

from hanse.errors import InputError, NotFoundError
from hanse.flows.suites.shipped import sentences
from hanse.flows.suites.tokens import language_costs

WITH_LIBRARY = """
import sys
sys.path.append(sys.argv.pop(1))
from hanse.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def tokens(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `hanse suite tokens` where the library `tokenizers` can be imported."""
    library = next(client_python("hub2").parents[1].glob("lib/python3*/site-packages"))
    command = [sys.executable, "-c", WITH_LIBRARY, str(library), "suite", "tokens", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_real_tokenizer() -> None:
    """A vocabulary of English word pieces makes every other language dearer, and cannot write some at all; always the same."""
    done = tokens(MINILM, "--json")
    assert done.returncode == 0, done.stderr
    rows = {one["language"]: one for one in json.loads(done.stdout)["languages"]}
    assert rows.keys() == sentences().keys()
    assert (rows["en"]["ratio"], rows["en"]["tokens"], rows["en"]["unknown"]) == ("1.000000", 28, 0)
    assert (rows["de"]["tokens"], rows["hi"]["tokens"]) == (46, 64)
    assert all(one["tokens"] >= 28 or one["unknown"] for one in rows.values())


@pytest.mark.soak
def test_what_is_no_tokenizer(tmp_path: Path) -> None:
    """A file that is none is refused with one line."""
    (tmp_path / "tokenizer.json").write_text('{"model": 7}')
    done = tokens(tmp_path)
    assert done.returncode == 1
    assert "is no tokenizer" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_file_or_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file is missing it is named, and where the extra is, that is."""
    with pytest.raises(NotFoundError):
        language_costs(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError) as caught:
        language_costs(tmp_path)
    assert "hanse[tokenizers]" in caught.value.hint
