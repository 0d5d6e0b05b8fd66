"""Real programs under `hanse run`: they load what they always load, and get verified bytes only."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.clients import MINILM, client_hf, client_python
from tests.support.clients import tree_bytes
from tests.support.pull_person import EVIL, FILES, disk_use, lying_twice
from tests.support.running import Runner

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin, Source
from hanse.model.repo import RepoType

MODEL, DATA, BAD, SMALL = "sentence-transformers/all-MiniLM-L6-v2", "ada/numbers", "ada/bad", "ada/small"
CLIENT_VERSIONS = [pytest.param("hub0", marks=pytest.mark.soak), pytest.param("hub1", marks=pytest.mark.soak), "hub2"]
ROWS = b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'
_TOKENS = """
import json, sys
from transformers import AutoConfig, AutoTokenizer
name = sys.argv[1]
tokens = AutoTokenizer.from_pretrained(name)(["No single institution", "kann das aufhalten."])["input_ids"]
print(json.dumps([AutoConfig.from_pretrained(name).hidden_size, tokens]))
"""
_ROWS = """
import json, sys
from datasets import load_dataset
print(json.dumps(load_dataset(sys.argv[1], split="train")["n"][:]))
"""
_EMBED = """
import json, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
print(json.dumps([[round(float(x), 6) for x in row] for row in model.encode(["an open hub", "ein offener Speicher"])]))
"""
_ONE = """
import hashlib, json, sys
from huggingface_hub import hf_hub_download
print(json.dumps(hashlib.sha256(open(hf_hub_download(*sys.argv[1:]), "rb").read()).hexdigest()))
"""
_CATCH = """
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
said = []
for call in (lambda: hf_hub_download(sys.argv[1], "model.pkl"), lambda: snapshot_download(sys.argv[1])):
    try:
        call()
        said.append("")
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""

_AS_A_PAGE = """
import json, os, socket, sys
from urllib.parse import urlsplit
home = urlsplit(os.environ["HF_ENDPOINT"])
def ask(path, *lines):
    request = [f"GET {home.path}/{path} HTTP/1.1", *lines, "Connection: close", "", ""]
    with socket.create_connection((home.hostname, home.port), timeout=100) as line:
        line.sendall("\\r\\n".join(request).encode())
        head, _, body = b"".join(iter(lambda: line.recv(65536), b"")).decode().partition("\\r\\n\\r\\n")
    return head.split()[1], body
host = f"Host: {home.netloc}"
said = [ask(sys.argv[1], f"Host: {name}") for name in ("page.example", f"page.example:{home.port}")]
marks = "Origin: http://page.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"
said += [ask(sys.argv[1], host, mark) for mark in marks]
print(json.dumps([*said, ask(sys.argv[2], host)]))
"""


@pytest.fixture(name="origin", scope="module")
def _origin() -> Iterator[HubOrigin]:
    models: dict[str, Source] = {MODEL: MINILM, BAD: {"config.json": b"{}", "model.pkl": EVIL}, SMALL: FILES}
    with HubOrigin(models, xet=True, chunk_lists=True) as origin:
        origin.commit(DATA, {"data.jsonl": ROWS}, kind=RepoType.DATASET)
        yield origin


@pytest.fixture(name="user", scope="module")
def _user(origin: HubOrigin, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a user whose store fills as the tests of this module go on."""
    return Runner(tmp_path_factory.mktemp("user"), ("--upstream", origin.url))


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_hf_download(origin: HubOrigin, user: Runner, client: str, tmp_path: Path) -> None:
    """The command of three versions gets every file as it is, and the summary says from whom."""
    ran = user.run(client_hf(client), "download", MODEL, "--local-dir", tmp_path / "out").good()
    assert tree_bytes(tmp_path / "out") == tree_bytes(MINILM)
    assert ran.summary["used"][0]["repo"] == MODEL
    assert f"policy open: {MODEL}@" in ran.err


@pytest.mark.soak
def test_bytes_on_disk(origin: HubOrigin, tmp_path: Path) -> None:
    """The store holds each file once, with all it writes beside at most 1.05 times the model; so does the client's own cache."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    size = sum(len(data) for data in tree_bytes(MINILM).values())
    for _ in range(2):
        user.run(client_hf("hub2"), "download", MODEL).good()
        (cache,) = (user.home / "hanse" / "hub-cache").iterdir()
        assert tree_bytes(next(cache.glob("*/snapshots/*"))) == tree_bytes(MINILM)
        others = [one for one in (user.home / "hanse").iterdir() if one != cache.parent]
        for folders in ([cache], others):
            assert size <= disk_use(*folders) <= size * 1.05
            assert lying_twice(*folders) == []


@pytest.mark.soak
def test_transformers(origin: HubOrigin, user: Runner) -> None:
    """Tokens and configuration are those of the files on disk; the second time without network, and without waiting."""
    local = user.run(client_python("hub2"), "-c", _TOKENS, MINILM).good().value
    assert user.run(client_python("hub2"), "-c", _TOKENS, MODEL).good().value == local
    asked = len(origin.requests)
    assert user.run(client_python("hub2"), "-c", _TOKENS, MODEL, flags=("--offline",)).good().value == local
    assert len(origin.requests) == asked


@pytest.mark.soak
def test_datasets(origin: HubOrigin, user: Runner) -> None:
    """A data set is loaded through its own library."""
    assert user.run(client_python("hub2"), "-c", _ROWS, DATA).good().value == [1, 2, 3]


@pytest.mark.soak
def test_sentence_transformers(origin: HubOrigin, user: Runner) -> None:
    """An embedding computed from what came is the one from the files on disk."""
    local = user.run(client_python("torch"), "-c", _EMBED, MINILM).good().value
    assert user.run(client_python("torch"), "-c", _EMBED, MODEL).good().value == local


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_a_script_that_catches_errors(origin: HubOrigin, user: Runner, client: str) -> None:
    """What is refused is an error of the client's own kind, with the reason; a program can go on, and the summary tells of it."""
    ran = user.run(client_python(client), "-c", _CATCH, BAD).good()
    for said in ran.value:
        # Once known, the whole revision is as if it were not there: clients answer any other refusal from their cache.
        assert said.startswith(("GatedRepoError", "RevisionNotFoundError"))
        assert "model.pkl" in said
    assert ran.summary["refused"]
    assert not list((user.home / "hanse" / "hub-cache").rglob("model.pkl"))


@pytest.mark.soak
def test_two_at_once(origin: HubOrigin, tmp_path: Path) -> None:
    """Two programs of one user that load the same thing at the same time both get it, and it is fetched once."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    before = origin.bytes_sent
    running = [user.start(client_hf("hub2"), "download", MODEL, "--local-dir", tmp_path / str(n)) for n in range(2)]
    for one in running:
        out, err = one.communicate(timeout=200)
        assert one.returncode == 0, out + err
    for number in range(2):
        assert tree_bytes(tmp_path / str(number)) == tree_bytes(MINILM)
    size = sum(len(data) for data in tree_bytes(MINILM).values())
    assert origin.bytes_sent - before < 1.2 * size


@pytest.mark.soak
def test_one_is_killed(tmp_path: Path) -> None:
    """After kill -9 of gateway and program nothing is left that is false, and the next run goes on from what had come."""
    files = {"config.json": b"{}", "big.txt": b"w" * 12_000_000}
    with HubOrigin({"ada/big": files}, xet=True, chunk_lists=True, rate=1_200_000) as origin:
        user = Runner(tmp_path / "user", ("--upstream", origin.url))
        first = user.start(client_hf("hub2"), "download", "ada/big", "--local-dir", tmp_path / "out")
        until = time.monotonic() + 150
        while origin.bytes_sent < 1_500_000 and first.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        origin.pace.rate = None
        user.run(client_hf("hub2"), "download", "ada/big", "--local-dir", tmp_path / "out").good()
        assert tree_bytes(tmp_path / "out") == files
        assert not [one for one in origin.faults.hits if one is not Fault.SLOW]


@pytest.mark.parametrize("kept", ["environment", "file"])
def test_a_foreign_token_is_no_hindrance(origin: HubOrigin, tmp_path: Path, kept: str) -> None:
    """A laptop with a token of some other server loads a public model and a data set, and the token goes nowhere."""
    token = "hf_ofsomeotherserver0123456789"
    elsewhere = {"HF_TOKEN": token, "HF_ENDPOINT": "http://127.0.0.1:9"}
    user = Runner(tmp_path / "user", ("--upstream", origin.url), elsewhere if kept == "environment" else {})
    if kept == "file":
        path = user.home / ".cache" / "huggingface" / "token"
        path.parent.mkdir(parents=True)
        path.write_text(token)
    before = len(origin.requests)
    told = ""
    for name, kind, files in ((SMALL, "model", FILES), (DATA, "dataset", {"data.jsonl": ROWS})):
        ran = user.run(client_hf("hub2"), "download", name, "--repo-type", kind, "--local-dir", tmp_path / kind).good()
        assert tree_bytes(tmp_path / kind) == files
        assert f"policy open: {name}@" in ran.err
        told += ran.err + json.dumps(ran.summary)
    sent = json.dumps([sorted(one.headers.items()) for one in origin.requests[before:]])
    assert token not in sent + told


def test_a_web_page_gets_nothing(origin: HubOrigin, user: Runner) -> None:
    """Who knows a session's address and comes as a page does, rebound or from another site, gets no byte and asks no hub."""
    asked, before = f"{SMALL}/resolve/main/config.json", len(origin.requests)
    said = user.run(client_python("hub2"), "-c", _AS_A_PAGE, asked, f"datasets/{DATA}/resolve/main/data.jsonl").good().value
    *pages, program = said
    assert len(pages) == 6
    for status, body in pages:
        assert status == "403"
        assert "model_type" not in body
    assert program == ["200", ROWS.decode()]
    assert not [one for one in origin.requests[before:] if SMALL in one.target]


@pytest.mark.soak
def test_a_beginning_that_was_altered(origin: HubOrigin, tmp_path: Path) -> None:
    """A client that goes on with what it left half-way, here one of 0.x, does not go on with what somebody wrote since."""
    user, script = Runner(tmp_path / "user", ("--upstream", origin.url)), ("-c", _ONE, MODEL, "tokenizer.json")
    user.run(client_python("hub0"), *script).good()
    (cache,) = (user.home / "hanse" / "hub-cache").iterdir()
    (pin,) = (one for one in origin.pins(MODEL).values() if one.path == "tokenizer.json")
    blob = cache / f"models--{MODEL.replace('/', '--')}" / "blobs" / pin.etag
    blob.unlink()
    blob.with_name(f"{pin.etag}.incomplete").write_bytes(b"E" * 1000)
    ran = user.run(client_python("hub0"), *script).good()
    assert ran.value == hashlib.sha256((MINILM / "tokenizer.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("client", CLIENT_VERSIONS)
def test_a_blob_that_no_snapshot_has(origin: HubOrigin, tmp_path: Path, client: str) -> None:
    """A client takes a blob by its name, also one that nothing in its cache leads to: an altered one is gone before it looks."""
    user, script = Runner(tmp_path / "user", ("--upstream", origin.url)), ("-c", _ONE, MODEL, "tokenizer.json")
    told = user.run(client_python(client), *script).good().value
    (cache,) = (user.home / "hanse" / "hub-cache").iterdir()
    (pin,) = (one for one in origin.pins(MODEL).values() if one.path == "tokenizer.json")
    entry = cache / f"models--{MODEL.replace('/', '--')}"
    (entry / "blobs" / pin.etag).write_bytes(b"E" * pin.size)
    next((entry / "snapshots").glob("*/tokenizer.json")).unlink()
    assert user.run(client_python(client), *script).good().value == told
