"""A liar beside an honest source under the real commands: every byte is right, the liar is named with its chunk, and is left."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.services.clients import client_hf
from tests.support.running import Ran, Runner

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.conform.repos import OriginFile
from hanse.conform.serving import Pace
from hanse.flows.pull.layout import chunk_layout

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
REPO, WEIGHTS, SIZE = "org/model", "weights.bin", 900_000
"""Large enough to come by the chunk, small enough that each source gets one request at a time."""
FALSE_AT = {Fault.WRONG_BYTES: SIZE // 4, Fault.FALSE_CLAIMS: SIZE // 2, Fault.WRONG_REVISION: None}
"""Where the liar alters a byte; None: everywhere."""


class HeldUp(Pace):
    """Lets a piece through every few seconds, until the liar is `caught`: so it is the liar that is asked for the false byte."""

    def __init__(self) -> None:
        super().__init__(16 * 1024)
        self.caught = threading.Event()

    def wait(self, size: int) -> None:
        """Wait for the time that a piece takes, or until the liar is caught."""
        self.caught.wait(size / (self.rate or size))


class Scene:
    """A liar as a node, an honest upstream, and somebody who downloads from both.

    asked: how often the liar had been asked for the file when it was told of.
    """

    def __init__(self, liar: HubOrigin, honest: HubOrigin, folder: Path, fault: Fault) -> None:
        self.liar, self.honest, self.to, self.fault, self.asked = liar, honest, folder / "to", fault, 0
        self.user = Runner(folder, ("--policy", "open", "--node", liar.url, "--upstream", honest.url))

    def run(self, words: Sequence[str]) -> Ran:
        """Run a command to its end; the honest source is held up until the terminal names the liar."""
        self.honest.pace = pace = HeldUp()
        self.liar.faults.set(self.fault)
        pipe, told = subprocess.PIPE, list[str]()
        with ExitStack() as stack:
            process = stack.enter_context(subprocess.Popen(words, env=self.user.environ, stdout=pipe, stderr=pipe, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stderr:
                told.append(line)
                if self._name in line and not pace.caught.is_set():
                    self.asked = self._requests()
                    pace.caught.set()
            return Ran(process.wait(), process.stdout.read(), "".join(told))

    def check(self, ran: Ran, summary: str) -> None:
        """Require the right bytes, the liar by name and chunk on the terminal and in the summary, and no later request to it."""
        truth, at = self._truth, FALSE_AT[self.fault]
        number = "[0-9]+" if at is None else chunk_layout(truth.pin(), truth.content.chunk_list).at(at)
        lie = re.compile(f"{self._name}: chunk {number} of {WEIGHTS} is false")
        assert lie.search(ran.good().err)
        assert lie.search(summary)
        assert (self.to / WEIGHTS).read_bytes() == b"".join(truth.content.read(0, SIZE))
        assert self._requests() == self.asked

    @property
    def _name(self) -> str:
        return self.liar.url.partition("//")[2]

    @property
    def _truth(self) -> OriginFile:
        return self.honest.repo(REPO).newest.files[WEIGHTS]

    def _requests(self) -> int:
        """Return how often the liar was asked for the file, by its name or its hash."""
        names = (f"/{WEIGHTS}", self._truth.content.xet)
        return sum(any(name in one.target for name in names) for one in self.liar.requests)


@pytest.fixture(name="scene")
def _scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        liar, honest = (stack.enter_context(HubOrigin(xet=True, chunk_lists=True)) for _ in range(2))
        for origin in (liar, honest):
            for seed in (1, 2):
                origin.commit(REPO, {WEIGHTS: random.Random(seed).randbytes(SIZE)})
        yield Scene(liar, honest, tmp_path, request.param)


@pytest.mark.parametrize("scene", FALSE_AT, indirect=True, ids=lambda fault: fault.value)
def test_hf_under_hanse_run(scene: Scene, tmp_path: Path) -> None:
    """`hf download` under `hanse run` gets the right file, and the summary says who lied about which chunk."""
    told = tmp_path / "told.json"
    hf = (client_hf("hub2"), "download", REPO, "--local-dir", scene.to)
    ran = scene.run(scene.user.command(*hf, flags=("--json", str(told))))
    scene.check(ran, "\n".join(json.loads(told.read_text())["lies"]))


@pytest.mark.parametrize("scene", [Fault.WRONG_BYTES, Fault.WRONG_REVISION], indirect=True, ids=lambda fault: fault.value)
def test_hanse_pull(scene: Scene) -> None:
    """`hanse pull` writes the right file, and its remarks say who lied about which chunk."""
    ran = scene.run([sys.executable, "-m", "hanse", "pull", REPO, *scene.user.flags, "--to", str(scene.to), "--json"])
    scene.check(ran, "\n".join(json.loads(ran.out)["remarks"]))
