"""The program that an engine runs in: a JSON line in for each request, one out.

It stands alone (standard library only, until the engine is loaded), so that it runs in an environment of its own. It is started
by `hanse.jobs.engine` only. Its argument is the file of an engine with a function `load(said)` that returns the engine, which has
`observed(alone)`, `answer(said)`, `force(said)`, `rank(said)` and `peak()`. Where the system grants a network of its own to a
process, that is an empty one; where it has Landlock, files are written in the folder that it was started in, and nowhere else.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_UP = 0x1
_SET_FLAGS = 0x8914
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38
MAX_FILE = 1 << 30
"""Bytes of a file that an engine writes, at most: a cache of kernels."""
# Landlock: system calls (the same on every architecture), a rule of what lies beneath a folder, and rights by their bits.
_CREATE_RULES, _ADD_RULE, _RESTRICT, _ASK_VERSION, _BENEATH = 444, 445, 446, 1, 1
_OF_FIRST_VERSION = sum(1 << bit for bit in (1, *range(4, 13)))
"""To write a file, and to remove or make anything; not to read or to run."""
_OF_LATER_VERSIONS = {2: 1 << 13, 3: 1 << 14}
"""To move between folders, and to cut a file."""


def enclose() -> bool:
    """End with the parent, leave no core, and have a network of one's own with nothing but loopback; tell whether that holds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    alone = libc.unshare(_NEWUSER | _NEWNET) == 0
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)  # a new name space would undo it
    if os.getppid() != parent:
        os._exit(1)
    if not alone:
        return False
    import fcntl  # noqa: PLC0415 not everywhere

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    return True


def keep_to(folders: list[str]) -> bool:
    """Give up writing, making and removing files anywhere but beneath these folders, for good; tell whether that holds."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE, MAX_FILE))
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULES, None, 0, _ASK_VERSION)
    if version < 1:
        return False
    rights = _OF_FIRST_VERSION | sum(bit for since, bit in _OF_LATER_VERSIONS.items() if version >= since)
    rules = libc.syscall(_CREATE_RULES, struct.pack("=Q", rights), 8, 0)
    held = rules >= 0
    for folder in folders:
        file = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        held = held and libc.syscall(_ADD_RULE, rules, _BENEATH, struct.pack("=Qi", rights, file), 0) == 0
        os.close(file)
    return bool(held and libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and libc.syscall(_RESTRICT, rules, 0) == 0)


def processor() -> str:
    """Return what the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()[:200]
    return next((line.partition(":")[2].strip()[:200] for line in lines if line.startswith("model name")), "")


def load(file: str, said: dict[str, Any]) -> Any:
    """Return the engine in a program file."""
    spec = importlib.util.spec_from_file_location("engine", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(said)


def serve(engine: Any, said: dict[str, Any]) -> dict[str, Any]:
    """Return what an engine says to a request: to be made to say tokens, to rank texts, its peak of memory, or to answer."""
    if "force" in said:
        found = engine.force(said)
    elif "rank" in said:
        found = engine.rank(said)
    elif "peak" in said:
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        found = {"host": host, "device": engine.peak()}
    else:
        found = engine.answer(said)
    return dict(found)


def main() -> None:
    """Load the model named in the first line of standard input, then answer a line for each line."""
    # Libraries write on standard output as they like: answers go to a copy of it.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    alone = enclose()
    # Devices are files that are written to, and libraries name their threads in /proc.
    kept = keep_to([str(Path.cwd()), *(folder for folder in ("/dev", "/proc/self") if Path(folder).is_dir())])
    engine: Any = None
    for line in sys.stdin:
        try:
            said = json.loads(line)
            if engine is None:
                engine = load(sys.argv[1], said)
                found = engine.observed(alone)
                found["hardware"] |= {"processor": processor(), "files": "own" if kept else "shared"}
            else:
                found = serve(engine, said)
        except Exception as error:  # noqa: BLE001 whatever it is, the other side is told
            found = {"failed": f"{type(error).__name__}: {error}"[:500]}
        out.write(json.dumps(found) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
