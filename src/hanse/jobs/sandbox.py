"""What a worker gives up before it sees a byte of a stranger's file (Linux; elsewhere the limits of POSIX alone).

The order matters: name spaces need their system calls, and limits on memory are set once everything is imported.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
# Instructions of the filter (linux/filter.h): load a word, jump if equal, jump if not less, return.
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_OTHER_CALLS = 0x40000000  # from here on the numbers of the x32 interface
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the second: the call fails with EPERM
_REFUSED = {
    # socket, connect, execve, ptrace, execveat, fork, vfork, process_vm_readv, process_vm_writev
    "x86_64": (0xC000003E, (41, 42, 59, 101, 322, 57, 58, 310, 311)),
    "aarch64": (0xC00000B7, (198, 203, 221, 117, 281, 270, 271)),
}
MAX_OPEN_FILES = 32


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Bounds of one worker. seconds: processor and wall time of a job; memory: bytes of address space; jobs: then a new one."""

    seconds: int = 60
    memory: int = 1024 * 1024 * 1024
    jobs: int = 500


def enclose(memory: int) -> tuple[str, ...]:
    """Give up rights for good and return the names of what holds: `no-new-privileges`, `namespaces`, `system-calls`, `limits`.

    memory: bytes of address space. What the system does not grant is left out; limits always hold.
    """
    held = []
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 only workers need it

        libc = ctypes.CDLL(None, use_errno=True)
        parent = os.getppid()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0:
            held.append("namespaces")
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            held.append("no-new-privileges")
        if _filter_calls(libc):
            held.append("system-calls")
    _limit(memory)
    return (*held, "limits")


def _filter_calls(libc: ctypes.CDLL) -> bool:
    """Let no network, no new program and no look at other processes be asked for; tell whether that holds."""
    known = _REFUSED.get(platform.machine())
    if known is None:
        return False
    architecture, numbers = known
    count = len(numbers)
    steps = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 0, count + 3, architecture)]
    steps += [(_LOAD, 0, 0, 0), (_JUMP_FROM, count + 1, 0, _OTHER_CALLS)]
    steps += [(_JUMP_EQUAL, count - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    import ctypes  # noqa: PLC0415 as above

    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = struct.pack("=H6xQ", len(steps), ctypes.addressof(code))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) == 0)


def _limit(memory: int) -> None:
    """Bound address space, open files, written bytes and children."""
    bounds = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for which, bound in bounds.items():
        with contextlib.suppress(ValueError, OSError):  # a lower bound is in force already
            resource.setrlimit(which, (bound, bound))


def allow_seconds(seconds: int) -> None:
    """Let this process use so many further seconds of processor time; then the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, resource.RLIM_INFINITY))
