"""What a worker cannot do any more once it is enclosed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hanse

ROOT = str(Path(hanse.__file__).resolve().parents[1])
_BEFORE = """
import sys; sys.path.insert(0, {root!r})
import os, socket, subprocess, resource
from hanse.jobs.sandbox import allow_seconds, enclose
held = enclose(512 * 1024 * 1024)
assert "limits" in held, held
allow_seconds(5)
"""


def _inside(code: str) -> subprocess.CompletedProcess[str]:
    source = _BEFORE.format(root=ROOT) + code
    return subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("socket.create_connection(('127.0.0.1', 9))", "Error"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))", "Error"),
        ("os.execv('/bin/true', ['true'])", "PermissionError"),
        ("subprocess.run(['/bin/true'])", "Error"),
        ("open('/tmp/hanse-written', 'w').write('x' * 100_000)", "Error"),
        ("bytearray(2 << 30)", "MemoryError"),
        ("[os.dup(0) for _ in range(100)]", "OSError"),
    ],
    ids=["connect", "send", "exec", "child", "write", "memory", "descriptors"],
)
def test_it_is_refused(code: str, error: str) -> None:
    """No network, no other program, no written byte, no memory or descriptors beyond the bounds."""
    done = _inside(code)
    assert done.returncode != 0
    assert error in done.stderr or done.returncode < 0


def test_reading_and_computing_go_on() -> None:
    """What a scan needs still works."""
    assert (
        _inside("import hashlib; print(hashlib.sha256(os.pread(os.open('/etc/hostname', 0), 9, 0)).hexdigest())").returncode == 0
    )


def test_processor_time_ends() -> None:
    """A process that goes on for ever is ended by the system."""
    done = _inside("allow_seconds(0)\nwhile True: pass")
    assert done.returncode == -24
