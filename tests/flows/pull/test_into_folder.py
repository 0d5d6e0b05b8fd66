"""A plain folder holds the files, and clients see that they have them already."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.services.clients import client_python

from hanse.errors import StorageError
from hanse.flows.pull.into_folder import write_folder
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin

REV = GitOid("1" * 40)
PIN = FilePin("sub/model.bin", 5, GitOid("a" * 40), lfs=True, sha256=Sha256("b" * 64))
READ = """
import json, sys
from pathlib import Path
from huggingface_hub._local_folder import read_download_metadata
found = read_download_metadata(Path(sys.argv[1]), "sub/model.bin")
print(json.dumps([found.commit_hash, found.etag]))
"""


def _put(files: Iterable[tuple[FilePin, Path]]) -> None:
    for _, target in files:
        target.write_bytes(b"bytes")


def test_the_files_are_there(tmp_path: Path) -> None:
    """Each file is at its path; a file of the user's own stays."""
    (tmp_path / "mine.txt").write_text("mine")
    assert write_folder(tmp_path, REV, [PIN], _put) == tmp_path
    assert (tmp_path / "sub" / "model.bin").read_bytes() == b"bytes"
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("client", ["hub0", "hub1", "hub2"])
def test_clients_need_not_fetch_again(tmp_path: Path, client: str) -> None:
    """What is noted of a file is what the client would have noted itself."""
    write_folder(tmp_path, REV, [PIN], _put)
    command = [str(client_python(client)), "-c", READ, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env={"PATH": os.environ["PATH"]})
    assert json.loads(done.stdout) == [REV, PIN.sha256]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the way is an error that names it."""
    (tmp_path / "sub").write_text("a file")
    with pytest.raises(StorageError, match="sub"):
        write_folder(tmp_path, REV, [PIN], _put)
