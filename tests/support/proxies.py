"""Proxies that people put before a Hub, as examined by `hanse conform`: nginx without and with a cache, olah, `hanse gateway`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.services.clients import client_python
from tests.support.ports import own_port

_NGINX = """
{user}
pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=hub:8m max_size=1g;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream}; proxy_http_version 1.1; proxy_read_timeout 20s;
      {cache}
    }}
  }}
}}
"""
_CACHE = """proxy_cache hub; proxy_cache_valid 200 1h; proxy_cache_use_stale error timeout http_500; proxy_force_ranges on;
      proxy_ignore_headers Cache-Control Expires; proxy_cache_lock on;"""


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a port answers; RuntimeError if the process ends or a minute passes first."""
    end = time.monotonic() + 150
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextmanager
def _running(words: list[str], port: int, folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server until the end of the block; yields its address."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output, env=environ)
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def nginx(upstream: str, folder: Path, *, cache: bool) -> Iterator[str]:
    """Run nginx before `upstream`; yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port = own_port()
    config = folder / "nginx.conf"
    # Started by root, its workers would be nobody, who may not write to these folders.
    user = f"user {Path('/proc/self').owner()};" if Path("/proc/self").owner() == "root" else ""
    config.write_text(_NGINX.format(user=user, folder=folder, port=port, upstream=upstream, cache=_CACHE if cache else ""))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with _running([program, "-p", str(folder), "-c", str(config)], port, folder) as url:
        yield url


_FILES = """
{user}
pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; worker_processes 1;
events {{}}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextmanager
def nginx_files(root: Path, folder: Path) -> Iterator[str]:
    """Run nginx over the files of a folder, which it knows nothing about; yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port = own_port()
    config = folder / "nginx.conf"
    user = f"user {Path('/proc/self').owner()};" if Path("/proc/self").owner() == "root" else ""
    config.write_text(_FILES.format(user=user, folder=folder, port=port, root=root))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with _running([program, "-p", str(folder), "-c", str(config)], port, folder) as url:
        yield url


@contextmanager
def olah(upstream: str, folder: Path) -> Iterator[str]:
    """Run olah before `upstream` (http only), as its documentation says; yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port, host = own_port(), upstream.removeprefix("http://")
    program = client_python("olah")  # the first line of olah-cli may name another checkout's
    words = [str(program), str(program.with_name("olah-cli"))]
    words += ["--host", "127.0.0.1", "--port", str(port), "--hf-scheme", "http"]
    words += ["--hf-netloc", host, "--hf-lfs-netloc", host, "--mirror-netloc", f"127.0.0.1:{port}"]
    words += ["--mirror-lfs-netloc", f"127.0.0.1:{port}", "--repos-path", str(folder / "repos"), "--log-path", str(folder)]
    with _running(words, port, folder) as url:
        yield url


@contextmanager
def gateway(upstream: str, folder: Path, *flags: str) -> Iterator[str]:
    """Run `hanse gateway` before `upstream` under the policy `open`, with more flags; yields its address with its secret."""
    port = own_port()
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
    environ |= {"HANSE_HOME": str(folder), "HOME": str(folder)}
    hanse = [sys.executable, "-m", "hanse", "gateway"]
    told = ["--port", str(port), "--policy", "open", "--upstream", upstream, *flags]
    with _running([*hanse, *told], port, folder, environ):
        yield _address([*hanse, "env"], environ)


def _address(env: list[str], environ: Mapping[str, str]) -> str:
    """Return what `hanse gateway env` says HF_ENDPOINT is; a gateway listens first and is noted then, so for up to a minute."""
    end = time.monotonic() + 150
    while True:
        asked = subprocess.run(env, env=environ, capture_output=True, text=True, check=False)
        found = re.search(r"HF_ENDPOINT=\W?(http://[^\s'\";]+)", asked.stdout)
        if asked.returncode == 0 and found is not None:
            return found[1]
        if time.monotonic() > end:
            raise RuntimeError(f"{env!r} says {asked.stdout!r} {asked.stderr!r}")
        time.sleep(0.1)
