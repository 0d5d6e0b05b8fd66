"""litewitness of Debian's package torchwood, an independent witness."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from tests.support import debian
from tests.support.ports import own_port
from tests.support.served import until

from hanse.model.publickey import PublicKey
from hanse.tlog.cosignature import cosigner_key

NAME = "lite.example.org/witness"


def find(program: str) -> str:
    """Return the path of a program of the package."""
    return debian.find(program, "torchwood", "sid")


@dataclass(frozen=True)
class LiteWitness:
    """A running litewitness. url: prefix of /add-checkpoint; vkey: its key."""

    folder: Path
    url: str
    vkey: str

    def know(self, origin: str, vkey: str) -> None:
        """Let it witness a log; it reads its database at each request."""
        for command in (["add-log", "-origin", origin], ["add-key", "-origin", origin, "-key", vkey]):
            program = find("witnessctl")
            assert program is not None
            subprocess.run(
                [program, command[0], "-db", "witness.db", *command[1:]], cwd=self.folder, check=True, capture_output=True
            )


@contextmanager
def litewitness(folder: Path) -> Iterator[LiteWitness]:
    """Run litewitness, and the agent that holds its key, for the length of a `with` block."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], cwd=folder, check=True)
    public = PublicKey.from_key(load_ssh_public_key((folder / "key.pub").read_bytes()))
    told = subprocess.run(["ssh-keygen", "-l", "-f", "key"], cwd=folder, check=True, capture_output=True, text=True).stdout
    fingerprint = told.split()[1]
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", "agent.sock"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        until((folder / "agent.sock").exists)
        environ = {**os.environ, "SSH_AUTH_SOCK": "agent.sock"}
        subprocess.run(["ssh-add", "-q", "key"], cwd=folder, check=True, env=environ, capture_output=True)
        yield from _running(folder, fingerprint, cosigner_key(NAME, public).text)
    finally:
        agent.terminate()
        agent.wait(timeout=120)


def _running(folder: Path, fingerprint: str, vkey: str) -> Iterator[LiteWitness]:
    program = find("litewitness")
    listen = f"127.0.0.1:{own_port()}"  # it does not tell which port it took by itself
    names = ["-key", fingerprint, "-name", NAME, "-listen", listen]
    command = [program, "-db", "witness.db", "-ssh-agent", "agent.sock", *names]
    # Built outside a Go module, it would take its own routes for host names.
    environ = {**os.environ, "GODEBUG": "httpmuxgo121=0"}
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log) as process:
        try:
            until(lambda: _accepts(listen))
            yield LiteWitness(folder, f"http://{listen}", vkey)
        finally:
            process.terminate()


def _accepts(listen: str) -> bool:
    host, _, port = listen.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
