"""Engines that run weights on this machine: each in a process of its own, which can be killed and has limits.

The program speaks JSON lines (`hanse.jobs.program`) and may run in an environment of its own (`python`), so that no engine is a
dependency.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hanse.errors import EngineFailed, InputError
from hanse.evals.engine import Answer, Ask, Forced, Observed, Usage
from hanse.evals.itemtable import Status
from hanse.evals.nopaths import without_paths
from hanse.evals.openaiform import parse_answer
from hanse.evals.suite import Request
from hanse.jobs.program import LineProgram

PROGRAMS = {"xllamacpp": "engine_llama.py", "transformers": "engine_transformers.py"}
MAX_FIRST = 100_000
_MAX_IDS = 65_536


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds of an engine. threads: of computing; context: tokens; load_seconds, answer_seconds: of loading and of an answer."""

    threads: int = 1
    context: int = 4096
    load_seconds: float = 600.0
    answer_seconds: float = 300.0


class LocalEngine(LineProgram):
    """A model file in an engine's own process. Use it as a context, or close it."""

    def __init__(self, engine: str, model: Path, limits: EngineLimits, python: str = "") -> None:
        if engine not in PROGRAMS:
            raise InputError(f"there is no engine {engine[:40]!r}", hint=f"engines: {', '.join(PROGRAMS)}")
        here = Path(__file__)
        programs = (here.with_name("engine_program.py"), here.with_name(PROGRAMS[engine]))
        super().__init__(programs, python, threads=limits.threads)
        self._limits = limits
        self._usage = Usage()
        said = self.exchange({"model": str(model), "threads": limits.threads, "context": limits.context}, limits.load_seconds)
        if "failed" in said:
            self.close()
            hint = "install hanse[evals], or name the interpreter of an environment that has it with --python"
            raise EngineFailed(f"{engine} does not load {model.name[:200]}: {str(said['failed'])[:300]}", hint=hint)
        self._observed = Observed(_texts(said.get("numerics")), _texts(said.get("hardware")))

    def observed(self) -> Observed:
        """Return what it said of itself after loading."""
        return self._observed

    def answer(self, ask: Ask) -> Answer:
        """Answer one item; raises EngineFailed."""
        if ask.request is Request.LOGLIKELIHOOD:
            return self._ranked(ask)
        chat = ask.request is Request.CHAT
        body = _asked(ask)
        said = self.exchange(body, self._limits.answer_seconds)
        why = said.get("failed") or said.get("error")
        prompt = "" if chat else body["prompt"]
        if why is not None:
            return Answer(Status.MODEL_ERROR, "", prompt, says=without_paths(str(why)[:300]))
        self._usage = _more(self._usage, said.get("timings"))
        verbose = said.get("__verbose")
        seen = verbose.get("prompt") if type(verbose) is dict else None
        answer = parse_answer(said, seen if type(seen) is str else prompt, chat=chat)
        return replace(answer, prompt_ids=_ids(said.get("promptIds")))

    def force(self, ask: Ask, tokens: Sequence[int]) -> Forced:
        """Return what claimed tokens are worth behind an item; raises EngineFailed, or InputError for what cannot be said."""
        said = self.exchange(_asked(ask) | {"force": list(tokens)}, self._limits.answer_seconds)
        if "failed" in said:
            raise InputError(f"the claimed answer to {ask.item.id} cannot be checked: {str(said['failed'])[:300]}")
        gaps, rendered, text = _numbers(said.get("gaps"), len(tokens)), said.get("rendered"), said.get("text")
        if type(rendered) is not str or type(text) is not str:
            raise self.failed("it answers with something else than a prompt and a text")
        return Forced(rendered, tuple(max(0.0, gap) for gap in gaps), text, as_said=said.get("as_said") is True)

    def usage(self) -> Usage:
        """Return what it used so far; raises EngineFailed."""
        said = self.exchange({"peak": True}, self._limits.answer_seconds)
        host, device = said.get("host"), said.get("device")
        if type(host) is not int or type(device) is not int:
            raise self.failed("it does not tell its memory")
        return replace(self._usage, host=max(0, host), device=max(0, device))

    def _ranked(self, ask: Ask) -> Answer:
        """Return the likeliest of an item's choices, and the log-probability of each."""
        body = _asked(ask) | {"rank": list(ask.item.choices)}
        said = self.exchange(body, self._limits.answer_seconds)
        why = said.get("failed")
        if why is not None:
            return Answer(Status.MODEL_ERROR, "", body["prompt"], says=without_paths(str(why)[:300]))
        logprobs = _numbers(said.get("logprobs"), len(ask.item.choices))
        best = max(range(len(logprobs)), key=logprobs.__getitem__)
        return Answer(Status.OK, ask.item.choices[best], body["prompt"], count=0, logprobs=tuple(logprobs))


def _texts(value: object) -> dict[str, str]:
    if type(value) is not dict or any(type(one) is not str for one in value.values()):
        return {}
    return {str(name): str(text)[:300] for name, text in value.items()}


def _asked(ask: Ask) -> dict[str, Any]:
    """Return the body of a request for an item."""
    decoding = ask.decoding
    body: dict[str, Any] = {"max_tokens": decoding.tokens, "temperature": decoding.temperature, "top_p": decoding.top_p}
    body |= {"seed": ask.seed, "stop": list(decoding.stop)}
    if ask.request is Request.CHAT:
        return body | {"messages": [{"role": role, "content": text} for role, text in ask.item.messages]}
    return body | {"prompt": "".join(text for _, text in ask.item.messages)}


def _numbers(value: object, count: int) -> list[float]:
    """Return `count` finite numbers; raises EngineFailed for anything else."""
    if type(value) is not list or len(value) != count or any(type(one) not in {int, float} for one in value):
        raise EngineFailed(f"the engine answers with something else than {count} numbers")
    if not all(math.isfinite(one) for one in value):
        raise EngineFailed("the engine answers with numbers that are none")
    return [float(one) for one in value]


def _ids(value: object) -> tuple[int, ...]:
    if type(value) is not list or len(value) > _MAX_IDS or any(type(one) is not int or not 0 <= one < 2**32 for one in value):
        return ()
    return tuple(value)


def _more(usage: Usage, said: object) -> Usage:
    """Return usage with the times of one more answer; what is no time is passed over."""
    try:
        (read, one), (spoken, other) = said["prefill"], said["decode"]  # type: ignore[index]
        seconds = _numbers([one, other], 2)
    except (TypeError, KeyError, ValueError, EngineFailed):
        return usage
    if any(type(count) is not int or not 0 <= count < 2**31 for count in (read, spoken)) or min(seconds) < 0:
        return usage
    first, rest = seconds[0] / 1e3, seconds[1] / 1e3
    prefill, decode = (usage.prefill[0] + read, usage.prefill[1] + first), (usage.decode[0] + spoken, usage.decode[1] + rest)
    return replace(usage, prefill=prefill, decode=decode, first=(*usage.first, first)[-MAX_FIRST:])
