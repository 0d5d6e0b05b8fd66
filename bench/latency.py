"""Latency of a small API call while four raw downloads run, the server pinned to one core."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from pathlib import Path

from tests.support.live import ADMIN_TOKEN, LiveNode

from bench.common import Bench, Row, client, pid_of
from bench.serving import xorb_urls


class _Load(threading.Thread):
    """Downloads one address again and again over a raw socket until told to stop."""

    def __init__(self, node: LiveNode, path: str, span: str | None) -> None:
        super().__init__(daemon=True)
        self.node, self.done, self.received = node, threading.Event(), 0
        extra = f"Range: {span}\r\n" if span else f"Authorization: Bearer {ADMIN_TOKEN}\r\n"
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{node.port}\r\n{extra}Connection: close\r\n\r\n".encode()

    def run(self) -> None:
        buffer = bytearray(1 << 20)
        while not self.done.is_set():
            with socket.create_connection(("127.0.0.1", self.node.port)) as conn:
                conn.sendall(self.request)
                while not self.done.is_set() and (count := conn.recv_into(buffer)):
                    self.received += count


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
        for task in Path(f"/proc/{pid_of(node)}/task").iterdir():
            os.sched_setaffinity(int(task.name), {1})
        address, start, end = xorb_urls(node, "admin/big", bench.size)[0]
        xorb = "/" + address.split("/", 3)[3]
        loads = {
            "idle": None,
            "4 xorb ranges": (xorb, f"bytes={start}-{end}"),
            "4 plain GET": ("/admin/big/resolve/main/big.bin", None),
        }
        for name, load in loads.items():
            running = [_Load(node, *load) for _ in range(4)] if load else []
            for one in running:
                one.start()
            took = _ping(node, 8)
            for one in running:
                one.done.set()
            at = {p: took[min(len(took) - 1, int(len(took) * p / 100))] for p in (50, 95, 99)}
            rate = sum(one.received for one in running) / 8e6
            value = f"p50 {at[50]:.1f}, p95 {at[95]:.1f}, p99 {at[99]:.1f} ms at {rate:.0f} MB/s"
            rows.append(Row(f"GET /api/models/ID, {name}", value, "" if name == "idle" else "p99 <= 25 ms"))
    return rows
