"""Latency of a small API call while four raw downloads run, the server pinned to one core."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.live import ADMIN_TOKEN, LiveNode

from bench.common import Bench, Row, client, pid_of
from bench.serving import xorb_urls

SERVER, CLIENTS = 1, 0
"""Cores."""
_LOAD = """
import os, socket, sys
port, request, core = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
os.sched_setaffinity(0, {core})
os.nice(10)  # what is timed beside must not wait for this client
buffer, received = bytearray(1 << 20), 0
print("ready", flush=True)
os.set_blocking(0, False)
while True:
    with socket.create_connection(("127.0.0.1", port)) as conn:
        conn.sendall(request)
        while count := conn.recv_into(buffer):
            received += count
            try:
                if not os.read(0, 1):
                    print(received)
                    sys.exit()
            except BlockingIOError:
                pass
"""


class _Load:
    """Downloads one address again and again over a raw socket, in a process of its own, until told to stop."""

    def __init__(self, node: LiveNode, path: str, span: str | None) -> None:
        extra = f"Range: {span}\r\n" if span else f"Authorization: Bearer {ADMIN_TOKEN}\r\n"
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{node.port}\r\n{extra}Connection: close\r\n\r\n"
        command = [sys.executable, "-c", _LOAD, str(node.port), request, str(CLIENTS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def stop(self) -> int:
        """End it and return how many bytes it received."""
        return int(self._process.communicate()[0])


def _ping(node: LiveNode, seconds: float) -> list[float]:
    """Time GET /api/models/admin/big over one kept connection; returns milliseconds, sorted."""
    conn = http.client.HTTPConnection("127.0.0.1", node.port)
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        conn.request("GET", "/api/models/admin/big", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        conn.getresponse().read()
        took.append((time.perf_counter() - start) * 1000)
        time.sleep(0.002)
    return sorted(took)


def run(bench: Bench) -> list[Row]:
    """Measure without load, under four xorb downloads and under four plain downloads."""
    big = bench.random_file()
    rows = []
    with bench.node() as node:
        client(bench, node).hf("upload", "admin/big", big)
        os.sched_setaffinity(0, {CLIENTS})
        for task in Path(f"/proc/{pid_of(node)}/task").iterdir():
            os.sched_setaffinity(int(task.name), {SERVER})
        address, start, end = xorb_urls(node, "admin/big", bench.size)[0]
        xorb = "/" + address.split("/", 3)[3]
        loads = {
            "idle": None,
            "4 xorb ranges": (xorb, f"bytes={start}-{end}"),
            "4 plain GET": ("/admin/big/resolve/main/big.bin", None),
        }
        for name, load in loads.items():
            running = [_Load(node, *load) for _ in range(4)] if load else []
            took = _ping(node, 8)
            at = {p: took[min(len(took) - 1, int(len(took) * p / 100))] for p in (50, 95, 99)}
            rate = sum(one.stop() for one in running) / 8e6
            value = f"p50 {at[50]:.1f}, p95 {at[95]:.1f}, p99 {at[99]:.1f} ms at {rate:.0f} MB/s"
            rows.append(Row(f"GET /api/models/ID, {name}", value, "" if name == "idle" else "p99 <= 25 ms"))
    return rows
