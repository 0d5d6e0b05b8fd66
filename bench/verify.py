"""`hanse verify` of a folder beside a parallel SHA-256 of the same bytes and `model_signing verify`, each a process of its own.

Four files of the bench's size; as many bytes in the shards of a large model, of which several go through one core at once, read
under three names; and a small real model, where the start of a program counts. All in the page cache. The plain pass is one
thread a core, 1 MiB reads, Python started for nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.services.clients import MINILM, client_python
from tests.support.evidence import Member

from bench.common import Bench, Row, Spread, interleave, ratio
from hanse.keys.files import generate
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.entry import Entry
from hanse.model.publickey import Scheme

FILES = 4
SHARDS, NAMES = 64, 3
"""DeepSeek-V3 has 163 shards, Llama 3.1 405B has 191; three names for each make so many without so much disk."""
ROOT = Path(__file__).resolve().parents[1]
_HASH = """
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
def digest(path):
    state, buffer = hashlib.sha256(), bytearray(1 << 20)
    view = memoryview(buffer)
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            state.update(view[:count])
    return state.hexdigest()
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    print(dict(zip(paths, pool.map(digest, paths))))
"""
_SIGN = """
import sys
from model_signing import hashing, signing
signing.Config().use_elliptic_key_signer(private_key=sys.argv[2]).sign(sys.argv[1], sys.argv[3])
"""


def run(bench: Bench) -> list[Row]:
    """Measure wall time and CPU seconds of the three, in turns, and of a second run that finds nothing changed."""
    large = bench.folder / "model"
    large.mkdir()
    for number in range(FILES):
        bench.random_file(f"model/part-{number}.bin", seed=number)
    (large / "config.json").write_text(json.dumps({"hidden_size": 4}))
    small = bench.folder / "all-MiniLM-L6-v2"
    shutil.copytree(MINILM, small)
    return [*_compare(bench, large), *_compare(bench, _shards(bench, large)), *_compare(bench, small)]


def _shards(bench: Bench, large: Path) -> Path:
    """Make a folder with the same bytes in `SHARDS` files, each under `NAMES` names, and return it."""
    folder, each = bench.folder / f"{NAMES * SHARDS}-shards", FILES * bench.size // SHARDS
    folder.mkdir()
    for number in range(FILES):
        with (large / f"part-{number}.bin").open("rb") as part:
            for at in range(number * SHARDS // FILES, (number + 1) * SHARDS // FILES):
                (folder / f"a-{at:05}.safetensors").write_bytes(part.read(each))
                for name in "bc"[: NAMES - 1]:
                    (folder / f"{name}-{at:05}.safetensors").hardlink_to(folder / f"a-{at:05}.safetensors")
    return folder


def _compare(bench: Bench, model: Path) -> list[Row]:
    evidence = _signed(bench, model)
    home = bench.folder / f"home-{model.name}"
    verify = [sys.executable, "-m", "hanse", "verify", str(model), "--bundle", str(evidence), "--offline"]
    plain = [sys.executable, "-c", _HASH, str(model)]
    stock = [str(client_python("signing").with_name("model_signing")), "verify", "key", str(model)]
    stock += ["--signature", str(bench.folder / "model.sig"), "--public_key", str(bench.folder / "public.pem")]
    runs = {"ours": _timed([*verify, "--rehash"], home), "sha256": _timed(plain, home), "model_signing": _timed(stock, home)}
    for one in runs.values():
        one()
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    found = interleave(bench.rounds, **{name: _noting(cpu[name], one) for name, one in runs.items()})
    again = _timed(verify, home)
    time.sleep(2.5)  # what changed just now is not remembered
    again()
    second = interleave(bench.rounds, again=lambda: again()[0])["again"]
    what = f"{model.name}, {sum(path.stat().st_size for path in _files(model)) / 1e9:.1f} GB"
    rows = [_row(f"{name}, {what}, wall (CPU) s", found[name], cpu[name]) for name in runs]
    rows.append(Row(f"hanse verify / parallel sha256, {what}, wall", ratio(found["ours"], found["sha256"]), "<= 1.15 x"))
    rows.append(
        Row(f"hanse verify / model_signing verify, {what}, wall", ratio(found["ours"], found["model_signing"]), "<= 0.6 x")
    )
    rows.append(Row(f"hanse verify of what did not change, {what}, wall s", str(second)))
    return rows


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _row(what: str, wall: Spread, cpu: list[float]) -> Row:
    return Row(what, f"{wall} ({sorted(cpu)[len(cpu) // 2]:.2f})")


def _timed(command: list[str], home: Path) -> Callable[[], tuple[float, float]]:
    """Return a measurement of one process: wall time and CPU seconds of its children; it fails if the process does."""
    environ = {**os.environ, "HANSE_HOME": str(home), "PYTHONPATH": str(ROOT / "src")}

    def once() -> tuple[float, float]:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environ)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return once


def _noting(cpu: list[float], once: Callable[[], tuple[float, float]]) -> Callable[[], float]:
    def measured() -> float:
        wall, used = once()
        cpu.append(used)
        return wall

    return measured


def _signed(bench: Bench, folder: Path) -> Path:
    """Make the evidence of a folder, and a bundle of the stock signer with its key; return the evidence."""
    member = Member("models.example.org")
    evidence = bench.folder / f"{folder.name}.hanse.jsonl"
    entries = tuple(_entry(path, str(path.relative_to(folder))) for path in _files(folder))
    evidence.write_bytes(member.evidence(member.publish_entries("org/name", entries)))
    key = generate(Scheme.ECDSA_P256)
    (bench.folder / "private.pem").write_bytes(key.pem())
    (bench.folder / "public.pem").write_text(key.public.pem)
    places = (folder, bench.folder / "private.pem", bench.folder / "model.sig")
    subprocess.run([client_python("signing"), "-c", _SIGN, *places], check=True, capture_output=True)
    return evidence


def _entry(path: Path, name: str) -> Entry:
    """Return the entry of a file; any Xet hash will do, nothing computes one here."""
    with path.open("rb") as file:
        sha256 = Sha256(hashlib.file_digest(file, "sha256").hexdigest())
    return Entry(name, path.stat().st_size, sha256, XetHash(sha256), GitOid("0" * 40), lfs=True)
