"""What an upload by Xet costs at least on this machine: the same bytes received, hashed, written and read, and nothing else.

Run `python -m bench.floor PATH MIB`: prints CPU-seconds per GiB of this process. The bytes come over loopback, go through BLAKE3
twice (chunks of 64 KiB, and the stored form) and to the disk in files of 64 MiB, and are read back for SHA-256, with the calls
that the node uses.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from blake3 import blake3

PIECE = 512 * 1024
"""What the node reads at a time. Four times as much no longer fits the cache of a core and costs a third more."""
CHUNK = 64 * 1024
FILE = 64 * 1024 * 1024


def sender(port: int, size: int) -> None:
    """Send random bytes to a port of this machine; runs in a process of its own."""
    data = os.urandom(FILE)
    with socket.create_connection(("127.0.0.1", port)) as out:
        for _ in range(size // FILE):
            out.sendall(data)


def take(source: socket.socket, folder: Path, size: int) -> None:
    """Receive, hash, write and read back `size` bytes, a multiple of 64 MiB."""
    buffer, key, whole = memoryview(bytearray(PIECE)), bytes(32), hashlib.sha256()
    for number in range(size // FILE):
        stored = blake3()
        file = os.open(folder / f"floor-{number}", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.posix_fallocate(file, 0, FILE)
        for _ in range(FILE // PIECE):
            source.recv_into(buffer, PIECE, socket.MSG_WAITALL)
            for at in range(0, PIECE, CHUNK):
                blake3(buffer[at : at + CHUNK], key=key).digest()
            stored.update(buffer)
            os.write(file, buffer)
        os.fsync(file)
        for at in range(0, FILE, PIECE):
            os.preadv(file, [buffer], at)
            whole.update(buffer)
        os.close(file)


def measure(folder: Path, size: int) -> float:
    """Return CPU-seconds per GiB of taking in `size` bytes in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = f"from bench.floor import sender; sender({listener.getsockname()[1]}, {size})"
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            source, _ = listener.accept()
            before = time.process_time()
            with source:
                take(source, folder, size)
            spent = time.process_time() - before
            process.wait()
    for path in folder.glob("floor-*"):
        path.unlink()
    return spent / (size / (1 << 30))


if __name__ == "__main__":
    print(measure(Path(sys.argv[1]), int(sys.argv[2]) << 20))
