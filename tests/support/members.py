"""Institutions as their operators and readers see them: live nodes, `hanse` commands beside them, introductions between them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.forked import ForkedNode, Mother, forked_node

from hanse.clock import SystemClock

_numbers = itertools.count(1)
_WAIT = 150


class Person:
    """Somebody with a HANSE_HOME who runs `hanse` commands, each in a process of its own."""

    def __init__(self, mother: Mother, home: Path) -> None:
        self._mother = mother
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    def printed(self, *arguments: str | Path) -> str:
        """Run a command, which must end with 0, and return what it printed without the notes beside it, as `>` does."""
        return self._ran(arguments, 0, {})[0]

    def hanse(self, *arguments: str | Path, status: int = 0, **environ: str) -> str:
        """Run a command, which must end with `status`, and return what it printed, errors after the rest."""
        return "".join(self._ran(arguments, status, environ))

    def _ran(self, arguments: Sequence[str | Path], status: int, environ: Mapping[str, str]) -> tuple[str, str]:
        number = next(_numbers)
        out, err = self.home / f"command-{number}.out", self.home / f"command-{number}.err"
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
        env = keep | {"HANSE_HOME": str(self.home), "HOME": str(self.home), **environ}
        pid = self._mother.ask(argv=[str(one) for one in arguments], env=env, out=str(out), log=str(err))
        found = self._mother.ask(wait=pid)
        said = (out.read_text(), err.read_text())
        assert found == status, f"hanse {' '.join(map(str, arguments))} ended with {found}:\n{''.join(said)}"
        return said


class Institution(Person):
    """The operator of a live node: his commands are about that node."""

    def __init__(self, mother: Mother, node: ForkedNode) -> None:
        super().__init__(mother, node.folder)
        self.node = node

    def hanse(self, *arguments: str | Path, status: int = 0, **environ: str) -> str:
        """Run a command about the node's data, beside the node if that runs."""
        return super().hanse(*arguments, "--data", self.node.data, status=status, **environ)

    def introductions(self) -> dict[str, list[str]]:
        """Return what `hanse witness key` says that others run: command without `hanse witness`, by its verb and flags."""
        said = self.hanse("witness", "key", "--url", self.node.url)
        lines = [line.split()[2:] for line in said.splitlines() if line.startswith("    hanse witness ")]
        return {("mirror" if "--mirror" in line else line[0]): line for line in lines}


@contextmanager
def institutions(
    mother: Mother, folder: Path, *origins: str, environ: Mapping[str, str] | None = None
) -> Iterator[list[Institution]]:
    """Run a node for each origin for the length of a `with` block."""
    with ExitStack() as stack:
        found = []
        for origin in origins:
            home = folder / origin
            home.mkdir(exist_ok=True)
            node = stack.enter_context(forked_node(mother, home, environ={"HANSE_ORIGIN": origin, **(environ or {})}))
            found.append(Institution(mother, node))
        yield found


def cosign(publisher: Institution, *others: Institution) -> None:
    """Let others witness and mirror a publisher's log, by the commands that `hanse witness key` tells them to run."""
    log = publisher.introductions()["log-add"]
    for other in others:
        other.hanse("witness", *log)
        told = other.introductions()
        publisher.hanse("witness", *told["add"])
        publisher.hanse("witness", *told["mirror"])


def until(what: Callable[[], Any], says: str) -> Any:
    """Return the first true thing that `what` returns; a test fails after two and a half minutes without one."""
    end = time.monotonic() + _WAIT
    while not (found := what()):
        assert time.monotonic() < end, f"{says} did not come about at {SystemClock().now()}"
        time.sleep(0.05)
    return found
