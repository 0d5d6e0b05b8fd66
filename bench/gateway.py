"""`hanse run` beside plain clients: warm and cold against nginx, without network against a plain folder, and how soon CMD starts.

warm: the files are held; cold: nothing is held, and the same nginx has them that plain clients are measured with. A gateway that
runs already is measured by itself, since the start of one under `hanse run` has a row of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from tests.services.clients import MINILM, client_hf, client_python
from tests.support.proxies import gateway
from tests.support.running import Runner

from bench.common import Bench, Row, Spread, clock, interleave, ratio
from bench.memory import Reserve
from hanse.conform.origin import HubOrigin

NAME, SMALL = "ada/big", "ada/minilm"
_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Programs that are installed lie there compiled; a machine for tests may forbid to keep that, which doubles every start."""
_TOKENIZER = "import sys; from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(sys.argv[1])"
_CONF = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; etag off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    {files}
    location / {{ proxy_pass {origin}; }}
  }}
}}
"""
_FILE = """
location = /{name}/resolve/{rev}/{pin.path} {{
  alias {path}; add_header X-Repo-Commit {rev}; add_header ETag '"{pin.etag}"'; add_header X-Linked-Etag '"{pin.etag}"';
  add_header X-Linked-Size {pin.size};
}}
"""


def _files(origin: HubOrigin, name: str, folder: Path) -> str:
    """Return the lines by which nginx sends the files of a repository, which lie in a folder, as the origin would."""
    rev, pins = origin.repo(name).refs["refs/heads/main"], origin.pins(name).values()
    return "".join(
        _FILE.format(name=name, rev=rev, pin=pin, path=folder / pin.path) for pin in pins if (folder / pin.path).exists()
    )


def _nginx(bench: Bench, origin: HubOrigin, file: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start nginx, which sends the files itself and leaves names to the origin; return its process and address."""
    from tests.support.ports import own_port
    from tests.support.proxies import _wait

    port, conf = own_port(), bench.folder / "nginx.conf"
    files = _files(origin, NAME, file.parent) + _files(origin, SMALL, MINILM)
    conf.write_text(_CONF.format(folder=bench.folder, port=port, files=files, origin=origin.url))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", str(bench.folder), "-c", str(conf), "-e", str(bench.folder / "e.log")])
    _wait(port, process)
    return process, f"http://127.0.0.1:{port}"


def _timed(
    user: Runner, *program: str | Path, flags: tuple[str, ...] = (), fresh: Path | None = None, memory: Reserve | None = None
) -> float:
    """Return how many seconds a run takes, with an empty client's cache; fresh: a folder that is removed before."""
    for folder in (user.home / "hanse" / "hub-cache", *([fresh] if fresh else [])):
        shutil.rmtree(folder, ignore_errors=True)
    with memory.spent() if memory else nullcontext(), clock() as took:
        user.run(*program, flags=flags).good()
    return took[0]


def _plain(user: Runner, *program: str | Path, fresh: Path | None = None, memory: Reserve | None = None, **environ: str) -> float:
    """Return how many seconds a program takes by itself."""
    for folder in (user.home / "plain", *([fresh] if fresh else [])):
        shutil.rmtree(folder, ignore_errors=True)
    told = {**user.environ, "HF_HOME": str(user.home / "plain"), "HF_HUB_DISABLE_XET": "1", **environ}
    with memory.spent() if memory else nullcontext(), clock() as took:
        subprocess.run([str(one) for one in program], env=told, check=True, capture_output=True)
    return took[0]


def _start(user: Runner) -> float:
    """Return how many seconds pass from `hanse run` to the first line of the program."""
    before = time.time()
    return float(user.run(sys.executable, "-S", "-c", "import time; print(time.time())").good().out) - before


def _bare(user: Runner) -> float:
    before = time.time()
    program = [sys.executable, "-S", "-c", "import time; print(time.time())"]
    return float(subprocess.run(program, env=user.environ, check=True, capture_output=True, text=True).stdout) - before


def run(bench: Bench) -> list[Row]:
    """Measure wall times; interleaved."""
    big = bench.safetensors_file()
    rows: list[Row] = []
    with HubOrigin({NAME: {big.name: big}, SMALL: MINILM}, xet=True, chunk_lists=True) as origin:
        process, url = _nginx(bench, origin, big)
        user = Runner(bench.folder / "user", ("--upstream", origin.url), _INSTALLED)
        try:
            rows += _downloads(bench, user, url)
            rows += _offline(bench, user, url)
            rows += _small(bench, user, url)
        finally:
            process.terminate()
            process.wait()
    start = interleave(bench.rounds * 3, hanse=lambda: _start(user), bare=lambda: _bare(user))
    rows.append(Row("seconds until CMD runs under hanse run", str(start["hanse"]), "<= 0.6"))
    rows.append(Row("the same by itself", str(start["bare"])))
    return rows


def _downloads(bench: Bench, user: Runner, nginx: str) -> list[Row]:
    out, hf = bench.folder / "out", client_hf("hub2")
    get = (hf, "download", NAME, "--local-dir", out)
    cold_user = Runner(bench.folder / "cold", ("--upstream", nginx), _INSTALLED)

    def cold() -> float:
        shutil.rmtree(cold_user.home, ignore_errors=True)
        return _timed(cold_user, *get, fresh=out, memory=memory)

    _timed(user, *get, fresh=out)
    with gateway(nginx, user.home / "hanse") as running, Reserve(4 * bench.size) as memory:
        found = interleave(
            bench.rounds,
            running=lambda: _plain(user, *get, fresh=out, memory=memory, HF_ENDPOINT=running),
            warm=lambda: _timed(user, *get, fresh=out, memory=memory),
            cold=cold,
            nginx=lambda: _plain(user, *get, fresh=out, memory=memory, HF_ENDPOINT=nginx),
        )
    return [
        Row("hf download, held, through a gateway that runs, seconds", str(found["running"])),
        Row("hf download, held, under hanse run, seconds", str(found["warm"])),
        Row("hf download, cold, under hanse run, seconds", str(found["cold"])),
        Row("plain hf download from nginx, seconds", str(found["nginx"])),
        Row("held, gateway that runs, against nginx", ratio(found["running"], found["nginx"]), "<= 1.15 x"),
        Row("held, hanse run with its start, against nginx", ratio(found["warm"], found["nginx"])),
        Row("cold against held, both under hanse run", ratio(found["cold"], found["warm"]), "<= 1.5 x"),
    ]


def _offline(bench: Bench, user: Runner, nginx: str) -> list[Row]:
    """Without network: tokenizer and download of what is held, against a plain folder and a copy."""
    out, hf, python = bench.folder / "small", client_hf("hub2"), client_python("hub2")
    _timed(user, hf, "download", SMALL, "--local-dir", out)
    _plain(user, python, "-c", _TOKENIZER, MINILM)  # what was installed just now is read, and compiled, for the first time
    off = ("--offline",)
    with gateway(nginx, user.home / "hanse", "--offline") as running:
        tokens = interleave(
            bench.rounds,
            held=lambda: _timed(user, python, "-c", _TOKENIZER, SMALL, flags=off),
            running=lambda: _plain(user, python, "-c", _TOKENIZER, SMALL, HF_ENDPOINT=running),
            again=lambda: _own(user, python, "-c", _TOKENIZER, SMALL, HF_ENDPOINT=running),
            nginx=lambda: _plain(user, python, "-c", _TOKENIZER, SMALL, HF_ENDPOINT=nginx),
            plain=lambda: _plain(user, python, "-c", _TOKENIZER, MINILM),
        )
    files = interleave(
        bench.rounds,
        held=lambda: _timed(user, hf, "download", SMALL, "--local-dir", out, flags=off, fresh=out),
        plain=lambda: _plain(user, python, "-c", _COPY, MINILM, out, fresh=out),
    )
    return _offline_rows(tokens, files)


def _offline_rows(tokens: dict[str, Spread], files: dict[str, Spread]) -> list[Row]:
    return [
        Row("AutoTokenizer without network, held, under hanse run with its start, seconds", str(tokens["held"])),
        Row("the same through a gateway that runs, seconds", str(tokens["running"])),
        Row("the same again, with the client's own cache of the time before, seconds", str(tokens["again"])),
        Row("the same from nginx by itself, into an empty cache, seconds", str(tokens["nginx"])),
        Row("AutoTokenizer of a plain folder, seconds", str(tokens["plain"])),
        Row("hanse run / plain folder", ratio(tokens["held"], tokens["plain"])),
        Row("gateway that runs / plain folder", ratio(tokens["running"], tokens["plain"]), "no difference seen"),
        Row("gateway that runs, again / plain folder", ratio(tokens["again"], tokens["plain"]), "no difference seen"),
        Row("nginx / plain folder: what asking any hub costs the client", ratio(tokens["nginx"], tokens["plain"])),
        Row("gateway that runs / nginx", ratio(tokens["running"], tokens["nginx"])),
        Row("hf download without network, held, seconds", str(files["held"])),
        Row("a copy of the folder by Python with the client imported, seconds", str(files["plain"])),
    ]


def _kept(user: Runner, *program: str | Path) -> float:
    """Return how many seconds a run takes whose client finds everything in its own cache."""
    with clock() as took:
        user.run(*program, flags=("--offline",)).good()
    return took[0]


def _own(user: Runner, *program: str | Path, **environ: str) -> float:
    """Return how many seconds a program takes by itself that finds everything in its own cache."""
    told = {**user.environ, "HF_HOME": str(user.home / "full"), **environ}
    with clock() as took:
        subprocess.run([str(one) for one in program], env=told, check=True, capture_output=True)
    return took[0]


def _small(bench: Bench, user: Runner, nginx: str) -> list[Row]:
    """Measure a small model into the client's own cache: held here against nginx, and with everything in that cache already."""
    hf = client_hf("hub2")
    get = (hf, "download", SMALL)
    filling = {**user.environ, "HF_HOME": str(user.home / "full"), "HF_HUB_DISABLE_XET": "1", "HF_ENDPOINT": nginx}
    subprocess.run([str(one) for one in get], env=filling, check=True, capture_output=True)
    _kept(user, *get)  # the first run after a download looks into the cache
    with gateway(nginx, user.home / "hanse") as running:
        empty = interleave(
            bench.rounds,
            held=lambda: _timed(user, *get, flags=("--offline",)),
            running=lambda: _plain(user, *get, HF_ENDPOINT=running),
            nginx=lambda: _plain(user, *get, HF_ENDPOINT=nginx),
        )
        _kept(user, *get)
        full = interleave(
            bench.rounds,
            held=lambda: _kept(user, *get),
            running=lambda: _own(user, *get, HF_ENDPOINT=running),
            nginx=lambda: _own(user, *get, HF_ENDPOINT=nginx),
            plain=lambda: _own(user, *get, HF_HUB_OFFLINE="1"),
        )
    return [
        Row("hf download of 92 MB, held, without network, under hanse run, into an empty cache, seconds", str(empty["held"])),
        Row("the same through a gateway that runs, seconds", str(empty["running"])),
        Row("the same from nginx by itself, seconds", str(empty["nginx"])),
        Row("ratios to nginx", f"{ratio(empty['held'], empty['nginx'])}, {ratio(empty['running'], empty['nginx'])}"),
        Row("hf download, all in the client's cache, without network, under hanse run, seconds", str(full["held"])),
        Row("the same through a gateway that runs, seconds", str(full["running"])),
        Row("the same from nginx by itself, seconds", str(full["nginx"])),
        Row("the same by itself, with HF_HUB_OFFLINE=1, seconds", str(full["plain"])),
        Row(
            "ratios of hanse run and of the gateway to HF_HUB_OFFLINE=1",
            f"{ratio(full['held'], full['plain'])}, {ratio(full['running'], full['plain'])}",
            "no difference seen",
        ),
    ]


_COPY = "import shutil, sys, huggingface_hub.cli.hf; shutil.copytree(sys.argv[1], sys.argv[2])"
