"""Several places at once: how much faster four are than one, and what a dead, a lying or a slow one among them costs.

Every place is a server process of its own that sends at a stated rate, all connections together; the rate is what one place is
measured against, so that the figures do not depend on the machine's network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import Faults, RangeServer, chunks_of, pin_of

from bench.common import GIB, Bench, Row, Spread, interleave, spread
from hanse.content.hashing import encode_chunk_list
from hanse.flows.pull.digests import WholeFile
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.layout import chunk_layout
from hanse.model.filepin import FilePin
from hanse.peers.bulk import BulkClient
from hanse.store.held import Held

MIB = 1 << 20
RATE = 16 * MIB
PLACES = 4
_MOST = 256 * MIB


@dataclass(frozen=True)
class BulkPlace:
    """A server of this benchmark, asked as nodes and hubs are."""

    client: BulkClient
    port: int

    @property
    def name(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of a file; the servers always answer with a range."""
        return self.client.read(f"http://{self.name}/{pin.path}", start, end, None)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file."""
        return self.client.get(f"http://{self.name}/{pin.path}/chunks", limit=pin.size).body


@dataclass(frozen=True)
class Material:
    """The file that is fetched, its pin and its chunk list, and where they lie for the servers."""

    path: Path
    data: bytes
    pin: FilePin
    chunk_list: bytes


def run(bench: Bench) -> list[Row]:
    """Return the rows of this benchmark."""
    material = _material(bench)
    size = material.pin.size
    with ExitStack() as stack:
        good = [stack.enter_context(_server(material, RATE)) for _ in range(PLACES)]
        liar = stack.enter_context(_server(material, RATE, lie=True))
        slow = stack.enter_context(_server(material, RATE // 10))
        lies = list[Event]()
        found = interleave(
            bench.rounds,
            one=lambda: _fetch(bench, material, good[:1]),
            four=lambda: _fetch(bench, material, good),
            lying=lambda: _fetch(bench, material, [liar, *good[1:]], lies),
            slow=lambda: _fetch(bench, material, [slow, *good[1:]]),
        )
    killed = spread([_killed(bench, material) for _ in range(bench.rounds)])
    ideal = size / (RATE * (PLACES - 1))
    return [
        Row(f"{size >> 20} MiB from one place of {RATE >> 20} MiB/s, and from four", f"{found['one']} s, {found['four']} s", ""),
        Row("four places against one", f"{found['one'].median / found['four'].median:.2f} x", ">= 3 x"),
        Row("one of four lies from the start, against the ideal time of three", _against(found["lying"], ideal), "<= 1.1 x"),
        Row("lies noticed, one for each round", str(len(lies))),
        Row("one of four is killed half-way, against the ideal", f"{killed}", "<= 1.1 x"),
        Row("one of four has a tenth of the rate, against the ideal", _against(found["slow"], size / (RATE * 3.1)), "own row"),
        *_cost(bench, material),
    ]


def _against(took: Spread, ideal: float) -> str:
    return f"{took.median / ideal:.3f} x ({took} s to {ideal:.2f} s)"


def _material(bench: Bench) -> Material:
    path = Bench(bench.folder, min(bench.size, _MOST), bench.rounds).random_file()
    data = path.read_bytes()
    chunk_list = encode_chunk_list(chunks_of(data))
    path.with_suffix(".chunks").write_bytes(chunk_list)
    return Material(path, data, pin_of(data, path.name), chunk_list)


@contextmanager
def _server(material: Material, rate: float, *, lie: bool = False) -> Iterator[BulkPlace]:
    with _process(material, rate, lie=lie) as (_, place):
        yield place


@contextmanager
def _process(material: Material, rate: float, *, lie: bool = False) -> Iterator[tuple[subprocess.Popen[str], BulkPlace]]:
    """Run a server in a process of its own."""
    command = [sys.executable, "-m", "bench.sources", str(material.path), "--rate", str(rate), *(["--lie"] if lie else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    client = BulkClient()
    try:
        assert process.stdout is not None
        yield process, BulkPlace(client, int(process.stdout.readline()))
    finally:
        client.close()
        process.kill()
        process.wait()


def _fetch(
    bench: Bench, material: Material, places: Sequence[BulkPlace], lies: list[Event] | None = None, extra: float = 0.0
) -> float:
    """Fetch the file into an empty store and return the seconds that it took."""
    folder = bench.folder / f"held-{time.monotonic_ns()}"

    def report(event: Event) -> None:
        if event.kind is Kind.LIE and lies is not None:
            lies.append(event)

    with Held.open(folder) as held:
        began = time.perf_counter()
        file = Fetcher(held, report=report).open(material.pin, places).wait()
        took = time.perf_counter() - began
        assert file is not None
        assert file.path.stat().st_size == material.pin.size
        file.path.unlink()
    return took - extra


def _killed(bench: Bench, material: Material) -> float:
    """Fetch from four places, kill one when half of the file must be here; return the time against the ideal one."""
    half = material.pin.size / 2 / (RATE * PLACES)
    with ExitStack() as stack:
        good = [stack.enter_context(_server(material, RATE)) for _ in range(PLACES - 1)]
        process, doomed = stack.enter_context(_process(material, RATE))
        timer = threading.Timer(half, process.kill)
        timer.start()
        took = _fetch(bench, material, [doomed, *good])
        timer.cancel()
    return took / (half + material.pin.size / 2 / (RATE * (PLACES - 1)))


def _cost(bench: Bench, material: Material) -> list[Row]:
    """Return the rows about processor time."""
    per = GIB / material.pin.size
    layout = chunk_layout(material.pin, material.chunk_list)
    view = memoryview(material.data)

    def chunks() -> None:
        first = 0
        while first < layout.count:
            end = max(layout.at(layout.start(first) + MIB), first + 1)
            first, whole = layout.true_run(first, view[layout.start(first) : layout.start(end)])
            assert first == whole

    def whole() -> None:
        state = WholeFile(material.pin, chunked=True)
        for at in range(0, len(view), MIB):
            state.update(view[at : at + MIB])
        state.finish()

    with _server(material, 0) as place:
        found = interleave(
            bench.rounds,
            chunks=lambda: _cpu(chunks) * per,
            sha256=lambda: _cpu(whole) * per,
            fetch=lambda: _cpu(lambda: _fetch(bench, material, [place])) * per,
        )
    return [
        Row("verification of every chunk, CPU-s/GiB", str(found["chunks"]), "<= 0.8"),
        Row("SHA-256 of the whole beside it (the name under which it is held), CPU-s/GiB", str(found["sha256"])),
        Row("all of fetching from one place without a limit, CPU-s/GiB, client", str(found["fetch"])),
    ]


def _cpu(act: Callable[[], object]) -> float:
    """Return the processor seconds of this process, all threads, while `act` runs."""
    before = os.times()
    act()
    after = os.times()
    return after.user + after.system - before.user - before.system


def _serve() -> None:
    """Serve one file and its chunk list until killed; the port is the first line of output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--lie", action="store_true")
    options = parser.parse_args()
    name = options.path.name
    faults = Faults(rate=options.rate, all_wrong=options.lie)
    lists = {name: options.path.with_suffix(".chunks").read_bytes()}
    with RangeServer({name: options.path.read_bytes()}, faults, lists) as server:
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    _serve()
