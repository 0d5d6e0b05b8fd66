"""Folders and caches that a program names itself, under `hanse run`: what its client finds there is checked, too."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.clients import MINILM, client_hf, client_python
from tests.support.clients import tree_bytes
from tests.support.pull_person import EVIL
from tests.support.running import Runner

from hanse.conform.origin import HubOrigin

NAME, BAD, MODEL = "org/m", "org/bad", "sentence-transformers/all-MiniLM-L6-v2"
FILES = {"config.json": b'{"model_type": "bert"}', "sub/big.bin": b"w" * 200_000}
OLDER = pytest.mark.soak
CLIENT_VERSIONS = [*(pytest.param(one, marks=OLDER) for one in ("hub0", "hub034", "hub1")), "hub2"]
_CACHE = """
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
found = [snapshot_download("org/m", cache_dir=sys.argv[1]) + "/config.json"]
found += [f("org/m", "config.json", cache_dir=sys.argv[1]) for f in (hf_hub_download, try_to_load_from_cache)]
print(json.dumps([open(one).read() for one in found]))
"""
_REFUSED = """
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download
said = []
for call in (lambda: hf_hub_download("org/bad", "model.pkl", local_dir=sys.argv[1]),
             lambda: snapshot_download("org/bad", local_dir=sys.argv[1])):
    try:
        said.append(call())
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""
_TOKENS = """
import json, sys
from transformers import AutoConfig, AutoTokenizer
tokens = AutoTokenizer.from_pretrained(sys.argv[1], cache_dir=sys.argv[2])(["Keine Institution allein"])["input_ids"]
print(json.dumps([AutoConfig.from_pretrained(sys.argv[1], cache_dir=sys.argv[2]).hidden_size, tokens]))
"""


@pytest.fixture(name="origin", scope="module")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES, BAD: {"model.pkl": EVIL}, MODEL: MINILM}) as origin:
        yield origin


@pytest.fixture(name="user", scope="module")
def _user(origin: HubOrigin, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("user"), ("--upstream", origin.url))


def _alter(path: Path) -> None:
    """Change a byte of a file as somebody does who does not want to be found: size and time stay."""
    status = path.stat()
    path.write_bytes(b"E" + path.read_bytes()[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_a_folder(user: Runner, client: str, tmp_path: Path) -> None:
    """A file that was altered in the folder of `--local-dir` is moved away, named, and fetched anew; own files stay."""
    command = (client_hf(client), "download", NAME, "--local-dir", tmp_path / "m")
    assert user.run(*command).good().summary["checked"] == len(FILES)
    (tmp_path / "m" / "own.py").write_text("print()")
    for path in FILES:
        _alter(tmp_path / "m" / path)
    ran = user.run(*command).good()
    assert tree_bytes(tmp_path / "m") == {**FILES, "own.py": b"print()"}
    assert all(f"{path}: it must have" in ran.err for path in FILES)


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_a_cache(user: Runner, client: str, tmp_path: Path) -> None:
    """A blob that was altered in a cache that only the program names is fetched anew, also from what is held, without network."""
    for flags in ((), (), ("--offline",)):
        ran = user.run(client_python(client), "-c", _CACHE, tmp_path / "hub", flags=flags).good()
        assert ran.value == [FILES["config.json"].decode()] * 3
        for blob in (tmp_path / "hub" / "models--org--m" / "blobs").iterdir():
            _alter(blob)


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_what_is_refused(origin: HubOrigin, client: str, tmp_path: Path) -> None:
    """A client answers a refusal from its folder; the program does not get that, and the summary tells why."""
    folder = tmp_path / "m"
    note = folder / ".cache" / "huggingface" / "download" / "model.pkl.metadata"
    note.parent.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(EVIL)
    note.write_text(f"{origin.repo(BAD).newest.rev}\n{origin.pins(BAD)['model.pkl'].etag}\n{2**40}\n")
    ran = Runner(tmp_path / "user", ("--upstream", origin.url)).run(client_python(client), "-c", _REFUSED, folder).good()
    assert all("Error: " in one for one in ran.value), ran.value
    assert all("model.pkl" in one for one in ran.value)
    assert [one["repo"] for one in ran.summary["refused"]][:1] == [BAD]


def test_a_gateway_that_has_ended(user: Runner, tmp_path: Path) -> None:
    """A program that outlives its session gets nothing from a place of its own, and is told why."""
    python = client_python("hub2")
    user.run(python, "-c", _CACHE, tmp_path / "hub").good()
    environ = user.run(python, "-c", "import json, os; print(json.dumps(dict(os.environ)))").good().value
    command: list[str | Path] = [python, "-c", _CACHE, tmp_path / "hub"]
    done = subprocess.run(
        command, env={**environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert "the gateway of this session has ended" in done.stderr


@pytest.mark.soak
def test_transformers(user: Runner, tmp_path: Path) -> None:
    """A tokenizer whose `cache_dir` was altered is the one of the files on disk."""
    local = user.run(client_python("hub2"), "-c", _TOKENS, MINILM, tmp_path / "hub").good().value
    for _ in range(2):
        assert user.run(client_python("hub2"), "-c", _TOKENS, MODEL, tmp_path / "hub").good().value == local
        for blob in next((tmp_path / "hub").glob("models--*/blobs")).iterdir():
            _alter(blob)


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_a_client_that_nobody_watches(user: Runner, client: str) -> None:
    """Of a program that ignores PYTHONPATH it is said once that its own folders are not checked; of others nothing is said."""
    script = "from huggingface_hub import HfApi, hf_hub_download as get; get('org/m', 'config.json'); HfApi().model_info('org/m')"
    assert "is not checked" not in user.run(client_python(client), "-c", script).good().err
    assert user.run(client_python(client), "-I", "-c", script).good().err.count("is not checked") == 1
