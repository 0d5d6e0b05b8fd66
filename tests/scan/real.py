"""Real benign files: made by real libraries in an environment of their own, and as they lie in installed packages."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.scan.corpus import wilson
from tests.services.clients import CLIENTS, ROOT, client_python
from tests.support.judging import judged, served

from hanse.model.finding import Judgement, Verdict

ENVIRONMENTS = ("scan", "torch", "hub2")
MODELS = (
    ".pkl .pickle .npy .npz .joblib .onnx .h5 .hdf5 .keras .pb .pt .pth .pt2 .bin .zip .bz2 .xz .tar .tflite .gguf .safetensors"
    " .jinja .jinja2 .model .mat .skops .parquet .ubj .msgpack"
)
COMMON = frozenset({".py", ".json", ".txt", ".md", ".yaml", ".yml", ".csv", ".gz"})
SUFFIXES = COMMON | frozenset(MODELS.split())
MAX_BYTES = 16 * 1024 * 1024
PER_KIND = {True: 4, False: 40}
"""Files of one package and ending, of common endings and of others."""


def make(folder: Path, *flags: str, seconds: int = 280) -> str:
    """Let the real libraries write their files into `folder`; returns what they printed."""
    command = [str(client_python("scan")), "-m", "tests.scan_libs.made", str(folder), *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "KERAS_BACKEND": "torch", "HOME": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def made(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (library, file) of everything below `folder` that `make` wrote."""
    for path in sorted(folder.glob("*/**/*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path.relative_to(folder).parts[0], path


def installed() -> Iterator[tuple[str, Path]]:
    """Yield (package, file) of model-like files in the packages of the environments, few of each package and ending."""
    seen: set[str] = set()
    for environment in ENVIRONMENTS:
        for site in sorted((CLIENTS / environment).glob("lib/python3.*/site-packages")):
            for package in sorted(one for one in site.iterdir() if one.is_dir() and one.name not in seen):
                if not package.name.endswith((".dist-info", "__pycache__")):
                    seen.add(package.name)
                    yield from ((package.name, path) for path in _some(package))


def _some(package: Path) -> Iterator[Path]:
    counts: Counter[str] = Counter()
    for path in sorted(package.rglob("*")):
        suffix = path.suffix.lower()
        if (
            suffix in SUFFIXES
            and counts[suffix] < PER_KIND[suffix in COMMON]
            and path.is_file()
            and 0 < path.stat().st_size < MAX_BYTES
        ):
            counts[suffix] += 1
            yield path


def judgements(files: Iterable[tuple[str, Path]], root: Path) -> list[tuple[str, str, Judgement]]:
    """Return (group, path, verdict) of files, each judged under its path below `root`."""
    return [
        (group, name, judged(path.read_bytes(), name))
        for group, path in files
        for name in [str(path.relative_to(root)).replace(os.sep, "/")]
    ]


def report(found: list[tuple[str, str, Judgement]]) -> str:
    """Return a Markdown table: for each group and in all how many files, malicious, not served, each with its 95 % interval."""
    groups: dict[str, list[Judgement]] = {}
    for group, _, one in found:
        groups.setdefault(group, []).append(one)
    rows = [*groups.items(), ("**all**", [one for _, _, one in found])]
    lines = ["| from | files | safe | caution | suspicious | malicious | not fully read | not served (95 % interval) |"]
    lines.append("|" + "---|" * 8)
    for group, some in rows:
        counts = [sum(one.verdict is verdict for one in some) for verdict in Verdict]
        partly = sum(one.coverage.value != "complete" for one in some)
        refused = sum(not served(one) for one in some)
        low, high = wilson(refused, len(some))
        lines.append(
            f"| {group} | {len(some)} | {' | '.join(map(str, counts))} | {partly} | {refused} ({low:.1%} to {high:.1%}) |"
        )
    return "\n".join(lines) + "\n"


def refused(found: list[tuple[str, str, Judgement]]) -> list[str]:
    """Return one line for each file that would not be served, with the rules that decided."""
    return [
        f"{name}: {one.verdict.value}/{one.coverage.value} {sorted({(f.rule, f.callable or '') for f in one.findings})[:4]} "
        f"{sorted({gap.reason for gap in one.gaps})}"
        for _, name, one in found
        if not served(one)
    ]
