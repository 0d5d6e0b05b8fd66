"""The program that a harness runs in: an order in, questions out, an answer in for each of them, and at the end where its log is.

It stands alone (standard library only, until the harness is imported), so that it runs in an environment of its own. It is
started by `hanse.jobs.harness` only. Its argument is the file of a harness with `describe()` and `run(order, ask)`. Where the
system grants it, the process has a network of its own with nothing in it: all that it reaches is whom it asks.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, TextIO


def load(file: Path, name: str) -> Any:
    """Return a program file as a module."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def described(name: str, package: str) -> dict[str, str]:
    """Return name, version and digest of the code of an installed package; raises PackageNotFoundError."""
    found = importlib.metadata.distribution(package)
    record = found.read_text("RECORD")
    # Files that the installation compiles differ from one to the next.
    lines = sorted(line for line in (record or "").splitlines() if ".pyc," not in line and "/bin/" not in line)
    code = hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""
    return {"name": name, "version": found.version, "code": code}


class Line:
    """The line to whoever answers: one question at a time, from whichever thread."""

    def __init__(self, out: TextIO, source: TextIO) -> None:
        self._out, self._source, self._lock = out, source, threading.Lock()

    def say(self, said: dict[str, Any]) -> dict[str, Any]:
        """Say something and return what is said next; ends the program if nobody is there."""
        with self._lock:
            self._out.write(json.dumps(said) + "\n")
            self._out.flush()
            return self.hear()

    def hear(self) -> dict[str, Any]:
        """Return what is said next."""
        line = self._source.readline()
        if not line:
            os._exit(1)
        return dict(json.loads(line))

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question: {text, count, ended} or {logprobs}; raises ValueError if there is none."""
        found = self.say({"ask": question})
        if "failed" in found:
            raise ValueError(str(found["failed"]))
        return found


def main() -> None:
    """Describe the harness, then run what is ordered."""
    # Harnesses write on standard output as they like: questions go to a copy of it.
    line = Line(os.fdopen(os.dup(1), "w", encoding="utf-8"), os.fdopen(os.dup(0), encoding="utf-8"))
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    alone = load(Path(__file__).with_name("engine_program.py"), "hanse_engine_program").enclose()
    line.hear()
    try:
        harness = load(Path(sys.argv[1]), "hanse_harness")
        said = described(*harness.PACKAGE)
        order = line.say(said | {"network": "own" if alone else "shared"})
        os.chdir(order["folder"])
        said = {"log": str(harness.run(order, line.ask))}
    except BaseException as error:  # noqa: BLE001 whatever it is, also an exit, the other side is told
        said = {"failed": f"{type(error).__name__}: {error}"[:500]}
    line.say(said)


if __name__ == "__main__":
    main()
