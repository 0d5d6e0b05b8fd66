"""What unmodified clients download is verified where they keep it: in their cache, and in a plain folder with their notes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.services.clients import client_python
from tests.support.clients import Client
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode
from tests.support.settled import until_signed

from hanse.cli.main import run
from hanse.keys.files import generate
from hanse.model.publickey import Scheme

FILES = {"config.json": b"{}", "sub/model.safetensors": bytes(1) + os.urandom(300_000), "README.md": b"---\nlicense: mit\n---\n"}
REPO = "admin/verified"


@dataclass
class Reader:
    """Somebody with a client, a home of his own and a node."""

    node: LiveNode
    client: Client
    folder: Path

    def verify(self, path: Path, *flags: str) -> tuple[int, dict[str, Any]]:
        """Run `hanse verify` as the client's user would, and return exit code and JSON object."""
        environ = self.client.env() | {"HANSE_HOME": str(self.folder / "hanse"), "PYTHONPATH": "src"}
        command = [sys.executable, "-m", "hanse", "verify", str(path), "--json", *flags]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    @property
    def entry(self) -> Path:
        """The repository's entry in the client's cache."""
        return self.client.home / "hf" / "hub" / "models--admin--verified"


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node that settles what it gets after a second, with a model."""
    environ = {"HANSE_SETTLE_SECONDS": "1", "HANSE_ORIGIN": "verify.example.org", "HANSE_SCAN_PICKLESCAN": "off"}
    folder = tmp_path_factory.mktemp("node")
    for name, data in FILES.items():
        (folder / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "model" / name).write_bytes(data)
    with forked_node(mother, folder, environ=environ) as node:
        client = Client("hub2", node, folder / "uploader")
        client.hf("upload", REPO, folder / "model", ".", "--quiet")
        until_signed(node, REPO)
        yield node


@pytest.fixture(name="reader", params=["hub2", *(pytest.param(old, marks=pytest.mark.soak) for old in ("hub1", "hub0"))])
def _reader(request: pytest.FixtureRequest, node: LiveNode, tmp_path: Path) -> Reader:
    return Reader(node, Client(request.param, node, tmp_path / "home"), tmp_path)


FETCH = """
import json, sys
from huggingface_hub import snapshot_download
print(json.dumps(snapshot_download(sys.argv[1], **({"local_dir": sys.argv[2]} if sys.argv[2:] else {}))))
"""


def test_the_cache_of_a_client_is_verified(reader: Reader) -> None:
    """An entry of the client's cache, or a snapshot in it, is what was signed; its links are followed to the blobs only."""
    reader.client.python(FETCH, REPO)
    code, told = reader.verify(reader.entry, "--repo", REPO)
    assert (code, told["verified"], told["files"]["verified"], told["files"]["absent"]) == (0, True, len(FILES) + 1, [])
    (snapshot,) = (reader.entry / "snapshots").iterdir()
    assert reader.verify(snapshot, "--repo", REPO, "--revision", "main")[1]["ref"]["name"] == "refs/heads/main"
    blob = Path(os.path.realpath(snapshot / "sub/model.safetensors"))
    blob.chmod(0o644)
    blob.write_bytes(b"x" + FILES["sub/model.safetensors"][1:])
    code, told = reader.verify(reader.entry, "--repo", REPO)
    assert (code, [line.partition(":")[0] for line in told["failed"]]) == (1, ["file sub/model.safetensors"])


def test_a_plain_folder_of_a_client_is_verified(reader: Reader) -> None:
    """A folder filled by `local_dir` is verified with the client's notes in it; saved evidence is enough offline."""
    folder, saved = reader.folder / "model", reader.folder / "evidence.jsonl"
    reader.client.python(FETCH, REPO, folder)
    assert (folder / ".cache" / "huggingface").is_dir()
    assert reader.verify(folder, "--repo", REPO, "--save-evidence", str(saved))[0] == 0
    code, told = reader.verify(folder, "--bundle", str(saved), "--offline", "--complete")
    assert (code, told["logs"][0]["origin"], told["logs"][0]["known"]) == (0, "verify.example.org", "pinned")
    (folder / "added.py").write_text("")
    assert reader.verify(folder, "--bundle", str(saved), "--offline")[0] == 1


def test_a_model_of_a_stock_signer_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that `model_signing` wrote, also into the model's own folder, verifies with the signer's key and no other."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "hanse"))
    key, model = generate(Scheme.ECDSA_P256), tmp_path / "model"
    for name, data in FILES.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(data)
    (tmp_path / "private.pem").write_bytes(key.pem())
    (tmp_path / "public.pem").write_text(key.public.pem)
    (tmp_path / "other.pem").write_text(generate(Scheme.ECDSA_P256).public.pem)
    sign = ["sign", "key", "--signature", str(model / "model.sig"), "--private_key", str(tmp_path / "private.pem"), str(model)]
    command = [client_python("signing"), Path(__file__).with_name("model_signing_cli.py")]
    done = subprocess.run(command, input=json.dumps([sign]), capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)[0][0] == 0, done.stdout

    def verify(public: str) -> int:
        return run(["verify", str(model), "--bundle", str(model / "model.sig"), "--key", str(tmp_path / public)])

    assert verify("public.pem") == 0
    assert "a bundle that names no repository" in capsys.readouterr().out
    assert verify("other.pem") == 1
    (model / "config.json").write_bytes(b"[]")
    assert verify("public.pem") == 1
    (model / "config.json").write_bytes(FILES["config.json"])
    (model / ".gitattributes").write_bytes(b"")
    assert verify("public.pem") == 1
