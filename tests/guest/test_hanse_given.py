"""What a client returns is given to the program only once the gateway found it right."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanse.flows.gateway.env import GUEST


class Asked(HTTPServer):
    """Answers as a gateway: each question with the next of `answers`, the last one again and again."""

    def __init__(self) -> None:
        self.questions: list[dict[str, Any]] = []
        self.headers: Mapping[str, str] = {}
        self.answers: list[tuple[int, Any]] = [(200, {"altered": ""})]
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Asked

    def do_POST(self) -> None:
        """Answer a question."""
        assert self.path == "/secret/-/given"
        self.server.headers = dict(self.headers)
        self.server.questions.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        status, told = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 as the base has it
        """Say nothing."""


@pytest.fixture(name="asked")
def _asked() -> Iterator[Asked]:
    with Asked() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(name="given")
def _given(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the module as a program does, with a cache of the session."""
    monkeypatch.setenv("HANSE_GATEWAY", f"http://127.0.0.1:{asked.server_port}/secret")
    monkeypatch.setenv("HANSE_GATEWAY_CACHE", str(tmp_path / "own"))
    spec = importlib.util.spec_from_file_location("hanse_given", GUEST / "hanse_given.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="client")
def _client(given: ModuleType, tmp_path: Path) -> ModuleType:
    """Return a client that returns what lies in its cache, and in a folder that it is told."""
    source = """
calls, endpoints = [], []
def hf_hub_download(
    repo_id, filename, *, subfolder="", cache_dir=None, local_dir=None, repo_type=None, revision=None, endpoint=None,
    token=None,
):
    calls.append(filename)
    endpoints.append(endpoint)
    return f"{local_dir or cache_dir or OWN}/{subfolder}{filename}" if filename != "dry" else 7
def try_to_load_from_cache(repo_id, filename, cache_dir=None):
    return f"{cache_dir or OWN}/{filename}"
"""
    module = ModuleType("client")
    vars(module)["OWN"] = str(tmp_path / "own" / "models--org--m" / "snapshots" / "c")
    exec(source, vars(module))
    given.watch(module)
    return module


def test_the_sessions_own_cache_is_not_asked_about(client: ModuleType, asked: Asked, tmp_path: Path) -> None:
    """What lies in the session's cache was audited before; what a way up leads to, or a cache inside it, was not."""
    assert client.hf_hub_download("org/m", "a").endswith("/c/a")
    assert client.hf_hub_download("org/m", "dry") == 7
    assert client.try_to_load_from_cache("org/m", "a").endswith("/c/a")
    assert asked.questions == []
    for way in ("x/../c", "../../models--org--m/snapshots/c"):
        client.hf_hub_download("org/m", "a", cache_dir=f"{client.OWN}/{way}")
    client.hf_hub_download("org/m", "a", cache_dir=f"{tmp_path}/own/cache/models--org--m/snapshots/c")
    assert len(asked.questions) == 3


def test_another_hub_is_not_asked(client: ModuleType, given: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that names another hub for a call is told so once, and the client asks the gateway: the caches are the same."""
    for _ in range(2):
        client.hf_hub_download("org/m", "a", endpoint="https://other.example")
    client.hf_hub_download("org/m", "a", endpoint=f"{given.URL}/")
    assert client.endpoints == [given.URL] * 3
    assert capsys.readouterr().err.count("names 'https://other.example' as its hub") == 1


def test_what_is_told(client: ModuleType, asked: Asked, tmp_path: Path) -> None:
    """The gateway is told repository, revision and kind as the program named them, and the place with every `..` in it."""
    folder = str(tmp_path / "m")
    client.hf_hub_download("org/m", filename="./b//a", local_dir=folder, subfolder="s/", revision="v1", repo_type="dataset")
    told = {"type": "dataset", "repo": "org/m", "revision": "v1", "root": folder, "files": ["s/b/a"], "local": True}
    client.hf_hub_download("org/m", "a", cache_dir="link/../hub")
    cache = {"type": "model", "repo": "org/m", "revision": None, "root": f"{Path.cwd()}/link/../hub", "files": ["a"]}
    assert asked.questions == [told, cache | {"local": False}]


def test_the_token_goes_along(client: ModuleType, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header by which a client shows whose it is goes along, and nothing else of what it sends."""
    utils = ModuleType("huggingface_hub.utils")
    exec("def build_hf_headers(token=None):\n    return {'authorization': f'Bearer {token}', 'user-agent': 'x'}", vars(utils))
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", utils)
    client.hf_hub_download("org/m", "a", cache_dir="/c", token="hf_x")
    assert (asked.headers["authorization"], asked.headers.get("User-Agent")) == ("Bearer hf_x", None)
    assert "hf_x" not in str(asked.questions)


def test_what_is_altered_is_downloaded_once_more(client: ModuleType, asked: Asked) -> None:
    """An altered file is asked for again, and given if it is right then; if it is not, the program gets an error that says so."""
    asked.answers[:0] = [(200, {"altered": "a: it must have SHA-256 1"})]
    assert client.hf_hub_download("org/m", "a", cache_dir="/c") == "/c/a"
    assert client.calls == ["a", "a"]
    asked.answers[:] = [(200, {"altered": "a: it must have SHA-256 1"})]
    with pytest.raises(OSError, match=r"altered, and again.*SHA-256 1"):
        client.hf_hub_download("org/m", "a", cache_dir="/c")
    assert client.try_to_load_from_cache("org/m", "a", cache_dir="/c") is None


def test_what_is_refused_is_not_given(client: ModuleType, asked: Asked) -> None:
    """A refusal is an error with the gateway's reason, and so is a gateway that has ended: nobody else can check."""
    asked.answers[:] = [(403, {"error": "what lies there must not be used: it runs os.system"})]
    with pytest.raises(OSError, match="hanse: what lies there must not be used"):
        client.hf_hub_download("org/m", "a", cache_dir="/c")
    asked.shutdown()
    asked.server_close()
    with pytest.raises(OSError, match="the gateway of this session has ended"):
        client.hf_hub_download("org/m", "a", cache_dir="/c")


def test_a_whole_repository_is_one_question(given: ModuleType, asked: Asked) -> None:
    """Files of a folder are not asked about one by one but together, and without those that other repositories have there."""
    source = """
def hf_hub_download(repo_id, filename, *, local_dir):
    return f"{local_dir}/{filename}"
def snapshot_download(repo_id, *, local_dir):
    for name in ("a", "b/c"):
        hf_hub_download(repo_id, name, local_dir=local_dir)
    return local_dir
"""
    module = ModuleType("huggingface_hub._snapshot_download")
    exec(source, vars(module))
    given.watch(module)
    for repo in ("org/m", "org/other"):
        assert module.snapshot_download(repo, local_dir="/c") == "/c"
    assert not given._parts
    assert [(told["repo"], told["root"], told["files"]) for told in asked.questions] == [
        ("org/m", "/c", ["a", "b/c"]),
        ("org/other", "/c", ["a", "b/c"]),
    ]
