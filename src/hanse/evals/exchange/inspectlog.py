"""Logs of Inspect AI, of one task each: in JSON, or in the parts of its own form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from hanse.errors import BadFormat
from hanse.evals.engine import Answer
from hanse.evals.exchange.log import MAX_LOG, Log, LogItem, Reader, item_id, model_name, pick, told
from hanse.evals.fixed import fixed
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request
from hanse.model.strictjson import parse_strict

HARNESS = "inspect"
_GAPS = ("clusters", "rendered", "engine-version")
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partly, incorrect, no answer: what Inspect counts them as."""
_OURS = {"includes": ("includes", "1"), "match": ("ends", "1")}
"""Scorers of ours that come to the same as those of Inspect with their defaults."""
_STOPS = {"max_tokens": Status.TRUNCATED, "model_length": Status.TRUNCATED, "content_filter": Status.FILTERED}
_ROLES = {"system": "system", "user": "user", "assistant": "assistant"}
_TOKENS = 2048
_SAMPLE = ("id", "epoch", "input", "target", "messages", "output", "scores", "error")
"""What is kept of a sample: its events are the longest part, and nothing of them is read."""
MAX_DEPTH = 64
"""Deepest nesting of a log: events hold whole requests to models."""


def is_log(said: Sequence[str]) -> bool:
    """Tell whether an object with these fields is a log of Inspect."""
    return {"version", "status", "eval", "samples"} <= set(said)


def parse_inspect(data: bytes, scorer: str = "") -> Log:
    """Return what a log says; `scorer`: which of its scorers the outcomes are by, the only one if it is empty.

    Raises InputError if several could be meant; BadFormat for anything but the log of a run that came to its end; TooLarge.
    """
    said = Reader(parse_strict(data, "a log", MAX_LOG, depth=MAX_DEPTH), "log")
    if not is_log(said.names()):
        raise BadFormat("a log of Inspect has version, status, eval and samples", hint="inspect log convert --to json")
    return _log(said, [Reader(one, "a sample") for one in said.array("samples")], scorer)


def parse_parts(header: bytes, samples: Iterable[bytes], limit: int, scorer: str = "") -> Log:
    """Return what a log says that comes in parts: its header, and one object for each sample of at most `limit` bytes.

    Raises as `parse_inspect` does.
    """
    said = Reader(parse_strict(header, "the header of a log", MAX_LOG, depth=MAX_DEPTH), "log")
    if not {"version", "status", "eval"} <= set(said.names()):
        raise BadFormat("the header of a log of Inspect has version, status and eval")
    found = []
    for one in samples:
        whole = parse_strict(one, "a sample", limit, depth=MAX_DEPTH)
        found.append(Reader({name: whole[name] for name in _SAMPLE if name in whole}, "a sample"))
    return _log(said, found, scorer)


def _log(said: Reader, samples: list[Reader], scorer: str) -> Log:
    if said.text("status") != "success":
        raise BadFormat(f"the run of the log ended as {said.text('status')[:40]!r}, before it was complete")
    names = dict.fromkeys(name for one in samples for name in one.inner("scores").names())
    scorer = pick("scorers", names, scorer, "--metric")
    about = said.inner("eval")
    decoding, complete = _decoding(said.inner("plan").inner("config"))
    return Log(
        harness=HARNESS,
        version=told(about.inner("packages").text("inspect_ai", "0")),
        task=about.text("task").rpartition("/")[2],
        task_version=told(about.text("task_version", "0")),
        metric=scorer,
        model=model_name(about.text("model")),
        request=Request.CHAT,
        decoding=decoding,
        items=tuple(_item(one, scorer) for one in samples),
        like=_like(about, samples, scorer),
        complete=complete,
        numerics={"engine": told(about.text("model").partition("/")[0])},
        timing=_timing(said.inner("stats")),
        gaps=_GAPS if complete else (*_GAPS, "decoding"),
    )


def _like(about: Reader, samples: Sequence[Reader], scorer: str) -> tuple[str, str] | None:
    """Return the scorer of ours that says what a scorer with its defaults does, where every sample has one target."""
    said, targets = about.raw("scorers"), [one.raw("target") for one in samples]
    named = [one for one in said if type(one) is dict and one.get("name") == scorer] if type(said) is list else []
    single = all(type(one) is str or (type(one) is list and len(one) == 1) for one in targets)
    return _OURS.get(scorer) if single and len(named) == 1 and not named[0].get("options") else None


def _decoding(said: Reader) -> tuple[Decoding, bool]:
    warm, tokens = said.number("temperature", 0, 10), said.number("max_tokens", 1, 32_768)
    top, seed = said.number("top_p", 0, 1), said.number("seed", 0, 2**31 - 1)
    stop = tuple(str(one)[:200] for one in said.array("stop_seqs"))[:16]
    decoding = Decoding(warm or 0.0, 1.0 if top is None else top, int(tokens or _TOKENS), stop, int(seed or 0))
    return decoding, warm is not None and tokens is not None


def _item(sample: Reader, scorer: str) -> LogItem:
    name = item_id(sample.text("id"))
    messages = _messages(sample.raw("input"))
    target = sample.raw("target")
    texts = [str(one) for one in target] if type(target) is list else [str(target or "")]
    item = Item(name, name, messages, "\n".join(texts))
    epoch = sample.epoch("epoch", 1)
    rendered = messages[-1][1]
    if sample.raw("error") is not None:
        return LogItem(item, epoch, Answer(Status.INFRA_ERROR, "", rendered, says="the harness says that it failed"), None)
    output = sample.inner("output")
    choices = output.array("choices")
    first = Reader(choices[0] if choices else {}, "a choice")
    text = _text(first.inner("message").raw("content"))
    status = _STOPS.get(first.text("stop_reason", "stop"), Status.OK)
    count = output.inner("usage").number("output_tokens", 0, 2**31)
    answer = Answer(status, text, rendered, count=int(count or 0))
    return LogItem(item, epoch, answer, _outcome(sample, scorer), _asked(sample.array("messages")))


def _asked(said: Sequence[object]) -> tuple[tuple[str, str], ...]:
    """Return what was asked in a conversation of one answer, at its end; of any other nothing."""
    if not 0 < len(said) <= 100 or [one.get("role") == "assistant" for one in said if type(one) is dict].count(True) != 1:
        return ()
    last = said[-1]
    try:
        return _messages(list(said[:-1])) if type(last) is dict and last.get("role") == "assistant" else ()
    except BadFormat:  # tools and pictures: an answer to these is imported by its input
        return ()


def _messages(said: object) -> tuple[tuple[str, str], ...]:
    if type(said) is str:
        return (("user", said),)
    if type(said) is not list or not 0 < len(said) <= 100:
        raise BadFormat("the input of a sample is a text, or a list of 1 to 100 messages")
    found = []
    for one in said:
        message = Reader(one, "a message")
        role = message.text("role")
        if role not in _ROLES:
            raise BadFormat(f"messages of {', '.join(_ROLES)} are read, not of {role[:40]!r}")
        found.append((role, _text(message.raw("content"))))
    return tuple(found)


def _text(said: object) -> str:
    """Return the text of a content; pictures, sounds and calls of tools are left out, so that a suite of these is refused."""
    if type(said) is str:
        return said
    if type(said) is not list:
        raise BadFormat(f"a content is a text or a list, got {str(said)[:60]!r}")
    parts = [Reader(one, "a content") for one in said]
    if any(one.text("type", "") not in {"text", "reasoning"} for one in parts):
        raise BadFormat("messages of text are read, no pictures and sounds")
    return "".join(one.text("text", "") for one in parts if one.text("type") == "text")


def _outcome(sample: Reader, scorer: str) -> float:
    score = sample.inner("scores").inner(scorer)
    value = score.raw("value")
    if type(value) is str and value in _LETTERS:
        return _LETTERS[value]
    if type(value) is bool:
        return float(value)
    found = score.number("value", 0, 1)
    if found is None:
        raise BadFormat(f"the scorer {scorer[:60]} gave no value to {sample.text('id')[:60]!r}")
    return found


def _timing(stats: Reader) -> dict[str, str]:
    try:
        began, ended = (datetime.fromisoformat(stats.text(name)) for name in ("started_at", "completed_at"))
        return {"wall": fixed(max(0.0, (ended - began).total_seconds()))}
    except (BadFormat, ValueError, TypeError):
        return {}
