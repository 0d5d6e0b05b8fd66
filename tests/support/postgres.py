"""A real PostgreSQL cluster for one test session, started by the first test that needs it, in whatever worker that runs.

All workers of a session share a folder whose name the main process hands out. A small supervisor process owns the server
and stops it when the main process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from sqlalchemy import URL

_START_SECONDS = 180


def new_folder() -> Path:
    """Return a new empty folder for a session's cluster; in memory where possible, and short, as a socket lies in it."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="hanse-pg-", dir=memory if os.access(memory, os.W_OK) else "/tmp"))


def binaries() -> Path:
    """Return the folder of the newest installed server's programs; raises RuntimeError if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    other = shutil.which("initdb")
    if other is None:
        raise RuntimeError("the tests need PostgreSQL's server programs: apt-get install postgresql")
    return Path(other).parent


def url(folder: Path, database: str) -> URL:
    """Return the URL of a database of the cluster in `folder`."""
    return URL.create("postgresql", username="hanse", database=database, query={"host": str(folder)})


def start(folder: Path, owner: int) -> None:
    """Make sure that the cluster in `folder` runs; it stops when the process `owner` is gone."""
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "supervisor.pid").exists():
            return
        with (folder / "supervisor.log").open("wb") as log:
            supervisor = subprocess.Popen(  # it outlives this worker on purpose
                [sys.executable, __file__, str(folder), str(owner)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        _await(folder, supervisor)
        (folder / "supervisor.pid").write_text(str(supervisor.pid))
        supervisor.returncode = 0  # not to be waited for here, so no ResourceWarning either


def stop(folder: Path) -> None:
    """Stop the cluster, if it was started, and remove the folder."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int((folder / "supervisor.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _START_SECONDS
        while (folder / "data").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


def connect(folder: Path) -> psycopg.Connection:
    """Return a connection to the maintenance database, in which every statement is its own transaction."""
    return psycopg.connect(host=str(folder), user="hanse", dbname="postgres", autocommit=True)


def _await(folder: Path, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            connect(folder).close()
        except psycopg.OperationalError as error:
            if supervisor.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'supervisor.log').read_text()}") from error
            time.sleep(0.05)
        else:
            return


def _supervise(folder: Path, owner: int) -> None:
    """Run initdb and the server until SIGTERM comes or the process `owner` is gone; then remove the data."""
    user = next(name for name in ("postgres", "nobody") if _exists(name)) if os.geteuid() == 0 else None
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        for path in (folder, data):
            shutil.chown(path, user)
    initdb = [
        str(binaries() / "initdb"),
        "-D",
        str(data),
        "-U",
        "hanse",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(initdb, check=True, user=user, cwd="/")
    settings = {
        "listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off", "full_page_writes": "off",
        "max_connections": "300", "shared_buffers": "32MB", "autovacuum": "off",
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    with subprocess.Popen([binaries() / "postgres", "-D", data, *options], user=user, cwd="/") as server:
        while server.poll() is None and not stopping and Path(f"/proc/{owner}").exists():
            time.sleep(0.1)
        server.send_signal(signal.SIGQUIT)  # nothing in it is worth a clean stop
    shutil.rmtree(data)
    if not stopping:
        shutil.rmtree(folder)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]), int(sys.argv[2]))
