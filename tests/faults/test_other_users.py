"""Other users of the machine: an ordinary one runs programs as root does, and nobody gets into a gateway that is not his."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanse.conform.origin import HubOrigin

ROOT = Path(__file__).resolve().parents[2]
NAME, SECRET_FILE = "org/m", b'{"model_type": "bert"}'
NOBODY = 65534
_FETCH = """
import os, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(os.getuid(), opener.open(os.environ["HF_ENDPOINT"] + "/org/m/resolve/main/config.json").read().decode())
"""
_WAIT = """
import os, sys
print(os.environ["HF_ENDPOINT"], flush=True)
sys.stdin.read()
"""
_THIEF = """
import http.client, json, os, sys
home, port, secret = sys.argv[1], int(sys.argv[2]), sys.stdin.read()
answers, found = [], []
for method, path in (("GET", "/"), ("GET", "/org/m/resolve/main/config.json"), ("GET", "/-/status"), ("POST", "/-/stop"),
                     ("POST", "/-/given"),
                     ("GET", "/" + "A" * len(secret) + "/org/m/resolve/main/config.json")):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path)
    answer = connection.getresponse()
    answers.append([answer.status, answer.read().decode("utf-8", "replace")])
for folder, _, names in os.walk(home):
    found += [os.path.join(folder, name) for name in names]
for pid in filter(str.isdigit, os.listdir("/proc")):
    found += [f"/proc/{pid}/cmdline", f"/proc/{pid}/environ"]
told = []
for path in found:
    try:
        with open(path, "rb") as file:
            if secret.encode() in file.read(10_000_000):
                told.append(path)
    except OSError:
        pass
print(json.dumps({"uid": os.getuid(), "answers": answers, "told": told}))
"""


def _as_nobody(*command: str) -> list[str]:
    flags = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return ["setpriv", *flags, *command]


def _python(folder: Path) -> str:
    """Return a Python with everything that ours has and that everybody may start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    real = shutil.which(version, path="/usr/bin:/usr/local/bin") or os.path.realpath(sys.executable)
    done = subprocess.run(_as_nobody("env", real, "-c", ""), capture_output=True, check=False)
    assert done.returncode == 0, f"another user may not start {real}: install the system's Python"
    packages = folder / "venv" / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").write_text(f"home = {Path(real).parent}\ninclude-system-site-packages = false\n")
    (packages / "ours.pth").write_text(f"{ROOT / 'src'}\n{Path(sys.prefix) / 'lib' / version / 'site-packages'}\n")
    (folder / "venv" / "bin").mkdir()
    (folder / "venv" / "bin" / "python").symlink_to(real)
    return str(folder / "venv" / "bin" / "python")


pytestmark = pytest.mark.long  # wants root, and a checkout and a Python that everybody may read


@pytest.fixture(name="open_folder")
def _open_folder() -> Iterator[Path]:
    """Return a folder that every user of the machine may enter."""
    assert os.geteuid() == 0, "only root can act as somebody else"
    folder = Path(tempfile.mkdtemp(prefix="hanse-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _environ(home: Path) -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, "HANSE_HOME": str(home / "hanse"), "HOME": str(home)}


def test_an_ordinary_user(open_folder: Path) -> None:
    """`hanse run` needs no right that an ordinary user lacks; what it keeps is his, and closed to others."""
    home = open_folder / "nobody"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    python = _python(open_folder)
    with HubOrigin({NAME: {"config.json": SECRET_FILE}}) as origin:
        command = _as_nobody(python, "-m", "hanse", "run", "--upstream", origin.url, "--", python, "-c", _FETCH)
        done = subprocess.run(command, env=_environ(home), cwd="/", capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout) == (0, f"{NOBODY} {SECRET_FILE.decode()}\n"), done.stderr
    kept = list((home / "hanse").rglob("*"))
    assert {one.lstat().st_uid for one in kept} == {NOBODY}
    assert (home / "hanse").stat().st_mode & 0o077 == 0 or not [
        one for one in kept if one.is_file() and one.stat().st_mode & 0o077
    ]


def test_another_user_does_not_get_in(open_folder: Path) -> None:
    """Who knows the port and not the secret gets nothing, and finds the secret in no file, command line or environment."""
    home = open_folder / "owner"
    home.mkdir(mode=0o755)
    python = _python(open_folder)
    with HubOrigin({NAME: {"config.json": SECRET_FILE}}) as origin:
        command = [python, "-m", "hanse", "run", "--upstream", origin.url, "--", python, "-c", _WAIT]
        with subprocess.Popen(
            command, env=_environ(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as run:
            assert run.stdout is not None
            port, _, secret = run.stdout.readline().strip().removeprefix("http://127.0.0.1:").partition("/")
            assert len(secret) > 20
            done = subprocess.run(
                _as_nobody(python, "-c", _THIEF, str(home), port),
                input=secret,
                capture_output=True,
                text=True,
                timeout=200,
                check=False,
                cwd="/",
            )
            run.communicate()
    assert run.returncode == 0
    found = json.loads(done.stdout)
    assert found["uid"] == NOBODY
    assert {status for status, _ in found["answers"]} == {403}, found
    assert found["told"] == []
