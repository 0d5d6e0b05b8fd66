"""Harnesses that plan and score in a process of their own, which asks what is to be answered: no harness is a dependency."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanse.errors import BadFormat, InputError
from hanse.evals.engine import Answer
from hanse.evals.harness import HARNESSES, Description, Question, parse_question
from hanse.evals.itemtable import SCORED
from hanse.evals.suite import Request
from hanse.jobs.program import LineProgram

PROGRAMS = {"lm-eval": "harness_lmeval.py", "inspect": "harness_inspect.py"}
MAX_QUESTIONS = 200_000
START_SECONDS = 600.0
SILENT_SECONDS = 3600.0
"""How long a harness may think between two questions, as it scores."""
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
_CACHES = ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME")
"""Folders with data sets that the user has; tokens lie elsewhere."""
Answering = Callable[[Question], Answer]


@dataclass(frozen=True, slots=True)
class HarnessOrder:
    """What is run. task: a name that the harness knows, or a file of it (`FILE@NAME` for Inspect); limit: first items, 0: all.

    model: what the log calls it; to: folder for the log.
    """

    task: str
    model: str
    to: Path
    limit: int = 0

    def said(self) -> dict[str, Any]:
        """Return it as the program reads it: beside a file of tasks, so that paths in it hold."""
        path, at, name = self.task.partition("@")
        file = Path(path).expanduser()
        folder = Path.cwd()
        task, include = self.task, ""
        if file.is_file():
            folder = file.absolute().parent
            task, include = f"{file.absolute()}{at}{name}", str(folder)
            if file.suffix in {".yaml", ".yml"}:
                task = str(file.absolute())
        return {
            "task": task,
            "include": include,
            "folder": str(folder),
            "limit": self.limit,
            "to": str(self.to.absolute()),
            "model": self.model,
        }


class Harness(LineProgram):
    """A harness in its own process. python: interpreter of an environment that has it. Use it as a context, or close it.

    Raises InputError for one that is not known or not there.
    """

    def __init__(self, name: str, python: str = "") -> None:
        if name not in HARNESSES:
            raise InputError(f"there is no harness {name[:40]!r}", hint=f"harnesses: {', '.join(HARNESSES)}")
        here = Path(__file__).parent
        caches = {one: os.environ[one] for one in _CACHES if one in os.environ}
        programs = (here / "harness_program.py", here / PROGRAMS[name])
        super().__init__(programs, python, environment=_OFFLINE | caches)
        said = self.exchange({}, START_SECONDS)
        if "failed" in said:
            self.close()
            hint = "name the interpreter of an environment that has it with --harness-python"
            raise InputError(f"{name} cannot be driven: {str(said['failed'])[:300]}", hint=hint)
        self.alone = said.get("network") == "own"
        self._described = Description.of(said)

    def describe(self) -> Description:
        """Return which harness it is."""
        return self._described

    def run(self, order: HarnessOrder, answer: Answering, stopping: Callable[[], bool] = lambda: False) -> Path:
        """Run a task, every question of it answered by `answer`, and return the harness's log.

        Raises EngineFailed if the harness fails, BadFormat for what nobody can answer, Busy if it was stopped, and what `answer`
        raises.
        """
        said = self.exchange(order.said(), SILENT_SECONDS, stopping)
        for _ in range(MAX_QUESTIONS):
            if "ask" not in said:
                break
            said = self.exchange(_answered(said["ask"], answer), SILENT_SECONDS, stopping)
        if type(said.get("log")) is not str:
            raise self.failed(str(said.get("failed", f"it asks more than {MAX_QUESTIONS:,} questions"))[:300])
        found = Path(said["log"].removeprefix("file://"))
        if not found.resolve().is_relative_to(order.to.resolve()) or not found.is_file():
            raise self.failed("its log is not where it was told to write it")
        return found


def _answered(said: Any, answer: Answering) -> Mapping[str, Any]:
    """Return the answer to a question as the program reads it."""
    if type(said) is not dict:
        raise BadFormat("a question of a harness is an object")
    question = parse_question(said)
    found = answer(question)
    if found.status not in SCORED:
        return {"failed": found.says or found.status.value}
    if question.request is Request.LOGLIKELIHOOD:
        return {"logprobs": list(found.logprobs)}
    return {"text": found.text, "count": found.count, "ended": found.status.value}
