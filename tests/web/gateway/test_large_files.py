"""Files that are too large for a client's plain downloads come through a gateway all the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.services.clients import client_python
from tests.support.gateways import NAME, REV, FolderSource, edge

LARGE = 1_000_000
_ASK = """
import hashlib, json, sys
from huggingface_hub import constants, hf_hub_download, snapshot_download
constants.MAX_HTTP_DOWNLOAD_SIZE = int(sys.argv[1])
def told(call):
    try:
        return hashlib.sha256(open(call(), "rb").read()).hexdigest()
    except ValueError as error:
        return str(error)
one = told(lambda: hf_hub_download(sys.argv[2], "big.bin"))
print(json.dumps([one, told(lambda: snapshot_download(sys.argv[2], local_dir=sys.argv[3]) + "/big.bin")]))
"""


@pytest.mark.parametrize(
    ("client", "works"),
    [("hub2", True), pytest.param("hub1", True, marks=pytest.mark.soak), pytest.param("hub0", False, marks=pytest.mark.soak)],
)
def test_a_file_above_the_limit(tmp_path: Path, client: str, works: bool) -> None:
    """Clients since 1.0 get it, by file and by snapshot; older ones refuse as they do everywhere."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "big.bin").write_bytes(bytes(range(256)) * 8_000)
    source = FolderSource(folder)
    with edge(source, large=LARGE) as gateway:
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"}
        environ = {"HOME": str(tmp_path), "HF_ENDPOINT": f"http://127.0.0.1:{gateway.port}/{gateway.secret}", **quiet}
        command = [str(client_python(client)), "-c", _ASK, str(LARGE), NAME, str(tmp_path / "out")]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if works:
        assert said == [source.files["big.bin"].content.sha256] * 2
        assert (tmp_path / ".cache/huggingface/hub/models--org--m/snapshots" / REV / "big.bin").stat().st_size == 2_048_000
    else:
        assert all("too large" in one for one in said)
