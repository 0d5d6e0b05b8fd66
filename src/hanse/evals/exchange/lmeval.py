"""Logs of the lm-evaluation-harness: `results_*.json`, and the samples of one task that it writes beside it (`--log_samples`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hanse.errors import BadFormat
from hanse.evals.engine import Answer
from hanse.evals.exchange.log import MAX_LOG, Log, LogItem, Reader, item_id, model_name, pick, read_lines, told
from hanse.evals.fixed import fixed
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request
from hanse.model.strictjson import parse_strict

HARNESS = "lm-eval"
_GAPS = ("clusters", "status", "tokens")
_PLAIN = {"metric", "aggregation", "higher_is_better"}
_TOKENS = 256
"""Tokens that the harness generates at most unless a task says otherwise."""


def is_results(said: Sequence[str]) -> bool:
    """Tell whether an object with these fields is a file of results."""
    return {"results", "configs", "n-shot"} <= set(said)


def tasks(results: bytes) -> list[str]:
    """Return the tasks that a file of results is about; raises TooLarge or BadFormat."""
    return _read(results).inner("configs").names()


def parse_lmeval(results: bytes, samples: bytes, task: str, metric: str = "") -> Log:
    """Return what both files say about a task.

    metric: which of its metrics, as METRIC or METRIC,FILTER; the only one if it is empty. Raises InputError if several could be
    meant, BadFormat for anything but a log, or whose choices do not come to its outcomes, TooLarge.
    """
    said = _read(results)
    task = pick("tasks", tasks(results), task, "--task")
    config = said.inner("configs").inner(task)
    rows = [Reader(one, "a sample") for one in read_lines(samples, "the samples")]
    chosen, _, filtered = _metric(rows, metric).partition(",")
    rows = [one for one in rows if one.text("filter", "none") == filtered]
    likely = config.text("output_type") == "multiple_choice"
    if not likely and config.text("output_type") != "generate_until":
        raise BadFormat(f"tasks that generate or choose are read, not {config.text('output_type')[:40]!r}")
    decoding, complete = (Decoding(0.0, 1.0, 0), True) if likely else _decoding(config)
    items = tuple((_chosen if likely else _generated)(task, one, chosen) for one in rows)
    scorer = ("choice", "1") if likely and chosen == "acc" else None
    run = said.inner("config")
    return Log(
        harness=HARNESS,
        version=told(said.text("lm_eval_version", "0")),
        task=task,
        task_version=told(said.inner("versions").text(task, "0")),
        metric=chosen if filtered == "none" else f"{chosen}-{filtered}",
        model=_model(said, run),
        request=Request.LOGLIKELIHOOD if likely else Request.COMPLETION,
        decoding=decoding,
        items=items,
        scorer=scorer,
        like=None if likely or filtered != "none" else _like(config, rows, chosen),
        lower_is_better=said.inner("higher_is_better").inner(task).raw(chosen) is False,
        complete=complete,
        numerics=_numerics(said, run),
        hardware=_hardware(said),
        timing=_timing(said),
        gaps=_GAPS if complete else (*_GAPS, "decoding"),
    )


def _read(results: bytes) -> Reader:
    said = parse_strict(results, "a file of results", MAX_LOG)
    if not is_results(list(said)):
        raise BadFormat("a file of results of lm-eval has results, configs and n-shot")
    return Reader(said, "results")


def _metric(rows: list[Reader], wanted: str) -> str:
    found: dict[str, None] = {}
    for one in rows:
        for name in one.array("metrics"):
            found[f"{name},{one.text('filter', 'none')}"] = None
    return pick("metrics", list(found), wanted if "," in wanted or not wanted else f"{wanted},none", "--metric")


def _outcome(sample: Reader, metric: str) -> float:
    found = sample.number(metric, 0, 1)
    if found is None:
        raise BadFormat(f"a sample has no {metric[:60]}")
    return found


def _like(config: Reader, rows: Sequence[Reader], metric: str) -> tuple[str, str] | None:
    """Return the scorer of ours that says what `exact_match` does as the task asks for it, None for any other metric."""
    said = config.raw("metric_list")
    asked = [one for one in said if type(one) is dict and one.get("metric") == metric] if type(said) is list else []
    own = any(config.raw(name) for name in ("process_results", "doc_to_choice", "filter_list"))
    if metric != "exact_match" or len(asked) != 1 or own or any(type(one.raw("target")) not in {str, int} for one in rows):
        return None
    ways = {name for name, value in asked[0].items() if value} - _PLAIN
    return {frozenset(): ("verbatim", "1"), frozenset({"ignore_case"}): ("verbatim-lower", "1")}.get(frozenset(ways))


def _name(task: str, sample: Reader) -> str:
    at = sample.number("doc_id", 0, 2**31)
    if at is None or at != int(at):
        raise BadFormat("a sample has a doc_id, a number")
    return item_id(f"{task}-{int(at):06}")


def _asked(sample: Reader) -> list[tuple[str, object]]:
    """Return each request of a sample: its context, and what goes with it."""
    said = sample.inner("arguments")
    found = []
    for name in sorted(said.names(), key=lambda one: (len(one), one)):
        one = said.inner(name)
        found.append((one.text("arg_0"), one.raw("arg_1")))
    if not found:
        raise BadFormat("a sample has its arguments")
    return found


def _chosen(task: str, sample: Reader, metric: str) -> LogItem:
    asked = _asked(sample)
    choices = tuple(str(text) for _, text in asked)
    if len({context for context, _ in asked}) != 1 or len(set(choices)) != len(choices):
        raise BadFormat("the choices of a sample differ, and go with one context")
    values = [_logprob(one) for one in sample.array("resps")]
    if len(values) != len(choices):
        raise BadFormat(f"a sample with {len(choices)} choices has as many answers, got {len(values)}")
    target = sample.text("target")
    if not target.isdecimal() or len(target) > 4 or int(target) >= len(choices):
        raise BadFormat(f"the target of a choice is the number of one, got {target[:40]!r}")
    name = _name(task, sample)
    item = Item(name, name, (("user", asked[0][0]),), choices[int(target)], choices)
    best = choices[values.index(max(values))]
    return LogItem(item, 0, Answer(Status.OK, best, asked[0][0], logprobs=tuple(values)), _outcome(sample, metric))


def _logprob(said: object) -> float:
    one = said[0] if type(said) is list and len(said) == 1 else said
    first = one[0] if type(one) is list and one else one
    if type(first) not in {str, int, float} or re.fullmatch(r"-?[0-9.e+-]{1,40}", str(first)) is None:
        raise BadFormat(f"a choice has a log-likelihood, got {str(said)[:60]!r}")
    try:
        return float(str(first))
    except ValueError as error:
        raise BadFormat(f"a choice has a log-likelihood, got {str(said)[:60]!r}") from error


def _generated(task: str, sample: Reader, metric: str) -> LogItem:
    asked = _asked(sample)
    answers = sample.array("resps")
    text = answers[0][0] if len(answers) == 1 and type(answers[0]) is list and len(answers[0]) == 1 else None
    if type(text) is not str or len(asked) != 1:
        raise BadFormat("a sample of a task that generates has one answer; of several a harness keeps no outcomes")
    name = _name(task, sample)
    target = sample.text("target") if type(sample.raw("target")) is not list else ""
    item = Item(name, name, (("user", asked[0][0]),), target)
    return LogItem(item, 0, Answer(Status.OK, text, asked[0][0]), _outcome(sample, metric))


def _decoding(config: Reader) -> tuple[Decoding, bool]:
    said = config.inner("generation_kwargs")
    sampled = said.raw("do_sample") is True
    warm = said.number("temperature", 0, 10)
    tokens = said.number("max_gen_toks", 1, 32_768)
    until = said.raw("until")
    stop = tuple(str(one)[:200] for one in (until if type(until) is list else [until] if until else []))[:16]
    known = tokens is not None and (not sampled or warm is not None)
    top = said.number("top_p", 0, 1)
    return Decoding(warm or 0.0 if sampled else 0.0, 1.0 if top is None else top, int(tokens or _TOKENS), stop), known


def _model(said: Reader, run: Reader) -> str:
    given = run.raw("model_args")
    parts = given if isinstance(given, dict) else dict(one.split("=", 1) for one in str(given or "").split(",") if "=" in one)
    name = parts.get("gguf_file") or parts.get("pretrained") or parts.get("model") or said.text("model_name", "")
    return model_name(str(name))


def _numerics(said: Reader, run: Reader) -> dict[str, str]:
    found = {"engine": told(run.text("model", "")), "engineVersion": told(said.text("transformers_version", ""))}
    found |= {"batch": told(run.text("batch_size", "")), "compute": told(run.text("model_dtype", ""))}
    return {name: value for name, value in found.items() if value and value != "None"}


def _hardware(said: Reader) -> dict[str, str]:
    """Return the model of the processor: the one line of the harness's account of its surroundings that names no machine."""
    found = re.search(r"^Model name:\s{0,60}([^\n]{1,100})$", said.text("pretty_env_info", ""), re.MULTILINE)
    return {} if found is None else {"cpuModel": told(found[1])}


def _timing(said: Reader) -> dict[str, str]:
    text = said.text("total_evaluation_time_seconds", "")
    return {"wall": fixed(float(text))} if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,20})?", text) else {}
