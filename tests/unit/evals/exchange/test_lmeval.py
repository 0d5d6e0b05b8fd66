"""Results of lm-eval: those of a real run (docs/evaluations.md says how they were made), and such as nobody should trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanse.errors import BadFormat, InputError
from hanse.evals.exchange.lmeval import parse_lmeval, tasks
from hanse.evals.exchange.log import suite_of
from hanse.evals.suite import Request

LOGS = Path(__file__).resolve().parents[3] / "vectors" / "harness_logs"
RESULTS = next(LOGS.glob("results_*.json")).read_bytes()
PRIME = next(LOGS.glob("samples_prime_*.jsonl")).read_bytes()
SUMS = next(LOGS.glob("samples_sums_*.jsonl")).read_bytes()


def test_choices() -> None:
    """A task that chooses becomes a suite of log-likelihoods, scored by our scorer, with every choice's log-likelihood."""
    log = parse_lmeval(RESULTS, PRIME, "prime_local", "acc")
    suite = suite_of(log)
    assert tasks(RESULTS) == ["prime_local", "sums_local"]
    assert (suite.name, suite.version, suite.scorer, suite.request) == (
        "lm-eval.prime-local",
        "1.0",
        ("choice", "1"),
        Request.LOGLIKELIHOOD,
    )
    assert (suite.items[0].choices, suite.items[0].target) == ((" yes", " no"), " yes")
    assert len(log.items[0].answer.logprobs) == 2
    assert [one.outcome for one in log.items] == [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]


def test_texts() -> None:
    """A task that generates keeps its prompts, answers, stops and bound; its outcomes are the harness's word."""
    log = parse_lmeval(RESULTS, SUMS, "sums_local")
    suite = suite_of(log)
    assert (suite.decoding.stop, suite.decoding.tokens, suite.scorer) == (("\n",), 4, ("lm-eval.exact-match", "0.4.13"))
    assert log.items[0].answer.text == " 5"


@pytest.mark.parametrize(
    ("change", "like"),
    [
        ({}, ("verbatim-lower", "1")),
        ({"metric_list": [{"metric": "exact_match", "higher_is_better": True}]}, ("verbatim", "1")),
        ({"metric_list": [{"metric": "exact_match", "ignore_punctuation": True}]}, None),
        ({"metric_list": [{"metric": "exact_match"}, {"metric": "exact_match"}]}, None),
        ({"metric_list": "exact_match"}, None),
        ({"metric_list": None}, None),
        ({"process_results": "def process_results(doc, results): ..."}, None),
        ({"filter_list": [{"name": "none", "filter": []}]}, None),
        ({"doc_to_choice": ["5", "6"]}, None),
    ],
)
def test_what_can_be_recomputed(change: dict[str, object], like: tuple[str, str] | None) -> None:
    """The harness's exact match is ours as its task asks for it; filters, other options and a task's own code are not."""
    said = json.loads(RESULTS)
    said["configs"]["sums_local"].update(change)
    assert parse_lmeval(json.dumps(said).encode(), SUMS, "sums_local").like == like
    several = b"\n".join(json.dumps(json.loads(one) | {"target": ["5", "6"]}).encode() for one in SUMS.splitlines())
    assert parse_lmeval(json.dumps(said).encode(), several, "sums_local").like is None


def test_nobody_is_named() -> None:
    """Neither the user, the folder nor the machine in the files is kept; the model of the processor is."""
    said = str(parse_lmeval(RESULTS, PRIME, "prime_local", "acc"))
    assert b"alice" in RESULTS
    assert b"uni.example" in RESULTS
    assert "alice" not in said
    assert "uni.example" not in said
    assert "Intel" in said


def test_several_metrics() -> None:
    """Of two metrics one must be named, since each is another outcome."""
    with pytest.raises(InputError) as caught:
        parse_lmeval(RESULTS, PRIME, "prime_local")
    assert "acc_norm,none" in caught.value.hint


def _changed(**change: object) -> bytes:
    rows = [json.loads(one) for one in PRIME.splitlines()]
    rows[0].update(change)
    return b"\n".join(json.dumps(one).encode() for one in rows)


@pytest.mark.parametrize(
    "change",
    [
        {"acc": 2.0},
        {"acc": None},
        {"target": "7"},
        {"target": "-1"},
        {"resps": [[["1", "False"]]]},
        {"resps": [[["nan", "False"]], [["1", "False"]]]},
        {"resps": "x"},
        {"doc_id": 0.5},
        {"doc_id": -1},
        {"arguments": {}},
        {"arguments": {"gen_args_0": {"arg_0": "a", "arg_1": "x"}, "gen_args_1": {"arg_0": "b", "arg_1": "y"}}},
        {"metrics": {}},
    ],
)
def test_hostile_samples(change: dict[str, object]) -> None:
    """Samples with values that none can have are refused, never repaired."""
    with pytest.raises((BadFormat, InputError)):
        parse_lmeval(RESULTS, _changed(**change), "prime_local", "acc")


def test_an_item_twice() -> None:
    """A sample that is there twice makes no suite."""
    with pytest.raises(BadFormat, match="twice"):
        suite_of(parse_lmeval(RESULTS, PRIME + PRIME, "prime_local", "acc"))
