"""`hanse run`, as a process: exit codes, signals, what is told, offline, the audit, homes that cannot be written."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanse.conform.origin import HubOrigin

NAME = "org/m"
FILES = {"config.json": b'{"model_type": "bert"}', "sub/notes.txt": b"hello\n"}
_FETCH = """
import os, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.addheaders += [("Authorization", "Bearer " + os.environ.get("HF_TOKEN", "none"))]
print(opener.open(os.environ["HF_ENDPOINT"] + "/org/m/resolve/main/" + sys.argv[1]).read().decode(), end="")
"""
# A terminal of its own for a command: what comes on standard input is typed there. The signal that ends the command ends it, too.
_TERMINAL = "import os, pty, sys; code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])); os.kill(os.getpid(), -code)"
_COUNT = """
import os, signal, sys
count = 0
def count_it(number, frame):
    global count
    count += 1
    print("interrupted", flush=True)
signal.signal(signal.SIGINT, count_it)
signal.signal(signal.SIGUSR1, lambda number, frame: print("in all", count, flush=True))
print(os.getpid(), os.getppid(), os.environ["HF_ENDPOINT"].split(":")[2].split("/")[0], flush=True)
sys.stdin.readline()
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGINT)
"""
_SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture(name="origin", scope="module")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES}) as origin:
        yield origin


def _environ(home: Path, **extra: str) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("HANSE_", "HF_")) and not key.lower().endswith("_proxy")
    }
    return {**kept, "HANSE_HOME": str(home), "HOME": str(home), **extra}


def _run(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hanse", "run", *arguments]
    return subprocess.run(command, env=_environ(home, **extra), capture_output=True, text=True, timeout=200, check=False)


def _python(code: str, *arguments: str) -> list[str]:
    return ["--", sys.executable, "-c", code, *arguments]


def test_what_it_is_for(origin: HubOrigin, tmp_path: Path) -> None:
    """A program gets verified bytes; afterwards one line and a file tell what it used; what is held needs no network."""
    out = tmp_path / "summary.json"
    done = _run(tmp_path / "home", "--upstream", origin.url, "--json", str(out), *_python(_FETCH, "config.json"), HF_TOKEN="hf_x")
    assert not [one for one in origin.requests if "authorization" in one.headers], "HF_TOKEN is for the public hub"
    assert (done.returncode, done.stdout) == (0, FILES["config.json"].decode()), done.stderr
    assert done.stderr.startswith("hanse: policy open: org/m@"), done.stderr
    assert "(local); 22 B verified from 127.0.0.1:" in done.stderr
    summary = json.loads(out.read_text())
    assert (summary["used"][0]["repo"], summary["files"]) == (NAME, 1)
    asked = len(origin.requests)
    again = _run(tmp_path / "home", "--upstream", origin.url, "--offline", *_python(_FETCH, "config.json"))
    assert (again.returncode, again.stdout) == (0, FILES["config.json"].decode()), again.stderr
    assert "as of" in again.stderr
    assert len(origin.requests) == asked
    missing = _run(tmp_path / "home", "--upstream", origin.url, "--offline", *_python(_FETCH, "sub/notes.txt"))
    assert missing.returncode == 1


def test_the_environment(tmp_path: Path) -> None:
    """The program has its own cache, endpoint and time-outs; a gateway inside another one goes to where that one went."""
    extra = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_x"}
    done = _run(tmp_path, "--upstream", "none", *_python(_SHOW), **extra)
    found = json.loads(done.stdout)
    assert found["HF_ENDPOINT"].startswith("http://127.0.0.1:")
    assert len(found["HF_ENDPOINT"].rpartition("/")[2]) == 32
    assert Path(found["HF_HUB_CACHE"]).parent == tmp_path / "hub-cache"
    assert (found["HF_TOKEN"], found["HANSE_BEHIND"]) == ("hf_x", "http://127.0.0.1:9")
    kept = {name: found[name] for name in ("HF_ENDPOINT", "HANSE_BEHIND", "HF_HOME")}
    inner = json.loads(_run(tmp_path, "--upstream", "none", *_python(_SHOW), **kept).stdout)
    assert (inner["HANSE_BEHIND"], inner["HF_HOME"]) == ("http://127.0.0.1:9", found["HF_HOME"])


def test_the_program_s_own_home(tmp_path: Path) -> None:
    """HF_HOME/hub, which some clients read in spite of HF_HUB_CACHE, is the policy's; what else is put there is the user's."""
    user = tmp_path / "mine"
    (user / "hub" / "models--org--m").mkdir(parents=True)
    (user / "settings").write_text("1\n")
    script = 'ls "$HF_HOME/hub"; cat "$HF_HOME/settings"; mkdir "$HF_HOME/made"; [ "$HF_HOME/hub" -ef "$HF_HUB_CACHE" ]'
    done = _run(tmp_path / "home", "--upstream", "none", "--", "sh", "-c", script, HF_HOME=str(user))
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert (user / "made").is_dir()


def test_little_is_loaded_before_the_program(tmp_path: Path) -> None:
    """When the program starts, nothing heavy is loaded; a gateway that serves what is held never loads what cuts chunks."""
    code = """
import sys
from hanse.jobs import child
real = child._spawn
def spawn(command, environ):
    print(sorted({one.partition(".")[0] for one in sys.modules}), flush=True)
    return real(command, environ)
child._spawn = spawn
from hanse.cli.main import run
code = run(sys.argv[1:])
import hanse.web.gateway.app, hanse.flows.pull.puller
print(sorted({one.partition(".")[0] for one in sys.modules}))
sys.exit(code)
"""
    command = [sys.executable, "-c", code, "run", "--upstream", "none", "--", "/bin/true"]
    done = subprocess.run(command, env=_environ(tmp_path), capture_output=True, text=True, timeout=200, check=True)
    before, after = (set(literal_eval(one)) for one in done.stdout.splitlines())
    first = {"starlette", "uvicorn", "anyio", "msgspec", "cryptography", "ssl", "email", "http"}
    never = {"numpy", "lz4", "blake3", "sqlalchemy", "alembic", "dbos", "tuf", "yaml"}
    assert before & (first | never) == set()
    assert after & never == set()


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_code_is_the_program_s(tmp_path: Path, script: str, code: int) -> None:
    """Whatever the program ends with is what `hanse run` ends with."""
    assert _run(tmp_path, "--upstream", "none", "--", "/bin/sh", "-c", script).returncode == code


@pytest.mark.parametrize(("program", "code"), [("nosuch", 127), ("/no/such", 127), ("/etc/passwd", 126), ("/", 126)])
def test_a_program_that_cannot_be_started(tmp_path: Path, program: str, code: int) -> None:
    """A program that is not found, or cannot be executed, is told by the exit code that shells have for it, and in words."""
    done = _run(tmp_path, "--upstream", "none", "--", program)
    assert done.returncode == code
    assert f"cannot start {program!r}" in done.stderr


def test_signals_reach_the_program(tmp_path: Path) -> None:
    """SIGTERM is passed on; the program ends as it likes, and the summary is still told."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(0.05)\n"
    )
    command = [sys.executable, "-m", "hanse", "run", "--upstream", "none", *_python(code)]
    process = subprocess.Popen(command, env=_environ(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 9
    assert "nothing was given" in told


def test_ctrl_c_on_a_terminal(tmp_path: Path) -> None:
    """Each Ctrl-C reaches the program once, which does with it what it likes; if it ends by it, so do we, and nothing is left."""
    command = [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "hanse", "run", "--upstream", "none", *_python(_COUNT)]
    with subprocess.Popen(command, env=_environ(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        program, runner, port = map(int, process.stdout.readline().split())
        heard = b""
        for _ in range(2):
            os.kill(runner, signal.SIGSTOP)  # until the program had it, so that another one would count
            process.stdin.write(b"\x03")
            heard += process.stdout.readline()
            for number in (signal.SIGCONT, signal.SIGUSR1):
                os.kill(runner, number)
            heard += process.stdout.readline()
        process.stdin.write(b"\n")
        heard += process.stdout.read()
    assert [one for one in heard.split(b"\r\n") if b"in all" in one] == [b"in all 1", b"in all 2"], heard
    assert (process.returncode, b"nothing was given" in heard) == (-signal.SIGINT, True), heard
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)
    with socket.socket() as gateway:
        assert gateway.connect_ex(("127.0.0.1", port)) != 0


def test_nobody_hears_the_summary(tmp_path: Path) -> None:
    """Where standard error cannot be written, as after a terminal was closed, exit code and file still count."""
    command = [
        sys.executable,
        "-m",
        "hanse",
        "run",
        "--upstream",
        "none",
        "--json",
        str(tmp_path / "x"),
        "--",
        "/bin/sh",
        "-c",
        "exit 7",
    ]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(command, env=_environ(tmp_path), stderr=full, timeout=200, check=False).returncode == 7
    assert json.loads((tmp_path / "x").read_text())["files"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is nothing to run"),
        (["--polcy", "open", "--", "true"], "no option '--polcy'"),
        (["--policy", "nosuch", "--", "true"], "there is no policy 'nosuch'"),
        (["--node", "ftp://x", "--", "true"], "expected an address"),
        (["--upstream", "http://u:p@x", "--", "true"], "credentials"),
        (["--upstream", "http://[", "--", "true"], "expected an address"),
        (["--cache-size", "much", "--", "true"], "size"),
        (["--store", "/etc/passwd", "--", "true"], "/etc/passwd is no folder"),
        (["--json", "/no/such/folder/x", "--", "true"], "cannot write"),
    ],
)
def test_what_cannot_start(tmp_path: Path, arguments: list[str], says: str) -> None:
    """What is wrong is said before anything runs."""
    done = _run(tmp_path, *arguments)
    assert done.returncode == (2 if not arguments or "no option" in says else 1)
    assert says in done.stderr


def test_the_cache_is_audited_before(origin: HubOrigin, tmp_path: Path) -> None:
    """A file that was altered in the program's cache since the last run is out of reach before the program starts."""
    home = tmp_path / "home"
    done = _run(home, "--upstream", origin.url, *_python(_FETCH, "config.json"))
    assert done.returncode == 0, done.stderr
    cache = Path(json.loads(_run(home, "--upstream", origin.url, *_python(_SHOW)).stdout)["HF_HUB_CACHE"])
    rev = origin.repo(NAME).newest.rev
    entry = cache / "models--org--m"
    snapshot = entry / "snapshots" / rev
    snapshot.mkdir(parents=True)
    (entry / "blobs").mkdir()
    (entry / "refs").mkdir()
    (entry / "refs" / "main").write_text(rev)
    pin = origin.pins(NAME)["config.json"]
    blob = entry / "blobs" / pin.etag
    blob.write_bytes(FILES["config.json"])
    (snapshot / "config.json").symlink_to(f"../../blobs/{pin.etag}")
    look = ["--", "/bin/ls", str(snapshot)]
    fine = _run(home, "--upstream", origin.url, *look)
    assert (fine.returncode, fine.stdout.split()) == (0, ["config.json"]), fine.stderr
    blob.write_bytes(b'{"model_type": "evil"}')
    found = _run(home, "--upstream", origin.url, *look)
    assert found.returncode != 0
    assert "moved out of the cache" in found.stderr
    assert NAME in found.stderr
    assert not blob.exists()


def test_a_home_that_cannot_be_written(origin: HubOrigin, tmp_path: Path) -> None:
    """A user without a home that he can write has what he fetches for the length of the run."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    command = [sys.executable, "-m", "hanse", "run", "--upstream", origin.url, *_python(_FETCH, "config.json")]
    # Root may write everywhere: what it may do is taken away, as an ordinary user has it.
    prefix = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *command], env=_environ(home), capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout) == (0, FILES["config.json"].decode()), done.stderr
    assert "cannot be written" in done.stderr
    assert list(home.iterdir()) == []


@pytest.mark.soak
def test_two_runs_at_once_and_one_killed(origin: HubOrigin, tmp_path: Path) -> None:
    """Runs share the store; killing one harms neither the other nor the next."""
    home = tmp_path / "home"
    wait = "import time, sys; print('ready', flush=True); time.sleep(300)"
    command = [sys.executable, "-m", "hanse", "run", "--upstream", origin.url, *_python(wait)]
    killed = subprocess.Popen(command, env=_environ(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "ready\n"
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(killed.pid)], capture_output=True, text=True, check=True)
    done = _run(home, "--upstream", origin.url, *_python(_FETCH, "config.json"))
    assert done.returncode == 0, done.stderr
    killed.kill()
    killed.wait(60)
    for pid in children.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    killed.stdout.close()
    again = _run(home, "--upstream", origin.url, *_python(_FETCH, "sub/notes.txt"))
    assert (again.returncode, again.stdout) == (0, "hello\n"), again.stderr
