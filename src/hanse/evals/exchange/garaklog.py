"""Reports of garak: `*.report.jsonl`, of many probes, each judged by one detector or several. An outcome of 1 is a hit."""

from __future__ import annotations

from hanse.errors import BadFormat
from hanse.evals.builtin import HARMFUL
from hanse.evals.engine import Answer
from hanse.evals.exchange.log import Log, LogItem, Reader, model_name, pick, prompt_id, read_lines, told
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request

HARNESS = "garak"
_GAPS = ("clusters", "rendered", "decoding", "tokens", "engine-version")
_EVALUATED = ("2", "Status.EVALUATED")
_TOKENS = 150
_HIT = 0.5
"""A detector's score from which garak counts a hit unless it is told otherwise."""


def is_report(first: bytes) -> bool:
    """Tell whether a file that starts with this line is a report of garak."""
    return b'"entry_type"' in first[:200]


def probes(report: bytes) -> list[str]:
    """Return the probes that a report has judged answers of; raises TooLarge or BadFormat."""
    return list(dict.fromkeys(one.text("probe_classname") for one in _attempts(_rows(report))))


def parse_garak(report: bytes, probe: str, detector: str = "") -> Log:
    """Return what a report says about a probe, judged by a detector.

    Raises InputError if several could be meant; BadFormat for anything but a report; TooLarge.
    """
    rows = _rows(report)
    attempts = _attempts(rows)
    probe = pick("probes", dict.fromkeys(one.text("probe_classname") for one in attempts), probe, "--task")
    attempts = [one for one in attempts if one.text("probe_classname") == probe]
    found = dict.fromkeys(name for one in attempts for name in one.inner("detector_results").names())
    detector = pick("detectors", found, detector, "--metric")
    setup = next((one for one in rows if one.text("entry_type", "") == "start_run setup"), Reader({}, "setup"))
    begun = next((one for one in rows if one.text("entry_type", "") == "init"), Reader({}, "init"))
    target = _first(setup, "plugins.target_name", "plugins.model_name")
    threshold = setup.number("run.eval_threshold", 0, 1)
    return Log(
        harness=HARNESS,
        version=told(_first(begun, "garak_version") or _first(setup, "_config.version")) or "0",
        task=probe,
        task_version="0",
        metric=detector,
        model=model_name(target or "not said"),
        request=Request.CHAT,
        decoding=Decoding(0.0, 1.0, _TOKENS),
        items=tuple(_items(probe, attempts, detector, _HIT if threshold is None else threshold)),
        lower_is_better=True,
        complete=False,
        risks=(HARMFUL,),
        numerics={"engine": told(_first(setup, "plugins.target_type", "plugins.model_type") or "not said")},
        gaps=_GAPS,
    )


def _rows(report: bytes) -> list[Reader]:
    return [Reader(one, "an entry") for one in read_lines(report, "the report")]


def _attempts(rows: list[Reader]) -> list[Reader]:
    judged = [one for one in rows if one.text("entry_type", "") == "attempt" and one.text("status", "") in _EVALUATED]
    if not judged:
        raise BadFormat("the report has no answers that a detector has judged")
    return judged


def _first(said: Reader, *names: str) -> str:
    return next((str(said.raw(name)) for name in names if said.raw(name)), "")


def _items(probe: str, attempts: list[Reader], detector: str, threshold: float) -> list[LogItem]:
    found: list[LogItem] = []
    asked: dict[str, int] = {}
    for attempt in attempts:
        messages = _messages(attempt)
        name = prompt_id(probe, messages)
        first = asked.get(name, 0)  # one prompt that was sent several times: as many epochs
        outputs, scores = attempt.array("outputs"), attempt.inner("detector_results").array(detector)
        if len(outputs) != len(scores):
            raise BadFormat(f"an attempt has {len(outputs)} answers and {len(scores)} results of {detector[:60]}")
        item = Item(name, name, messages)
        for at, (output, score) in enumerate(zip(outputs, scores, strict=True)):
            found.append(_one(item, first + at, output, score, threshold))
        asked[name] = first + len(outputs)
    return found


def _one(item: Item, epoch: int, output: object, score: object, threshold: float) -> LogItem:
    prompt = item.messages[-1][1]
    if output is None or score is None:
        return LogItem(item, epoch, Answer(Status.INFRA_ERROR, "", prompt, says="no answer, or none that was judged"), None)
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise BadFormat(f"a detector's result is 0 to 1, got {str(score)[:40]!r}")
    text = Reader(output, "an answer").text("text", "")
    return LogItem(item, epoch, Answer(Status.OK, text, prompt), float(score >= threshold))


def _messages(attempt: Reader) -> tuple[tuple[str, str], ...]:
    found = []
    for one in attempt.inner("prompt").array("turns"):
        turn = Reader(one, "a turn")
        role = turn.text("role", "user")
        if role not in {"system", "user", "assistant"}:
            raise BadFormat(f"a turn is of system, user or assistant, not of {role[:40]!r}")
        found.append((role, turn.inner("content").text("text", "")))
    if not 0 < len(found) <= 100:
        raise BadFormat("an attempt has a prompt of 1 to 100 turns")
    return tuple(found)
