"""Real harnesses, unmodified and in an environment of their own, driven against a real model in llama.cpp."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
from tests.interop.test_engines import CHECKPOINT, hanse
from tests.services.clients import SMOLLM2_GGUF, client_python

from hanse.evals.scorers.ported import ends, verbatim, verbatim_lower
from hanse.evals.suite import Item
from hanse.flows.evaluate.runfolder import read_run

LM_EVAL = """task: sums_local
dataset_path: json
dataset_kwargs: {data_files: {test: sums.jsonl}}
output_type: generate_until
test_split: test
doc_to_text: "{{q}}"
doc_to_target: target
generation_kwargs: {until: ["\\n"], max_gen_toks: 4, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
PRIME = """task: prime_local
dataset_path: json
dataset_kwargs: {data_files: {test: prime.jsonl}}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{q}} Answer yes or no.\\nAnswer:"
doc_to_choice: ["yes", "no"]
doc_to_target: label
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
INSPECT = """from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, system_message


@task
def sums():
    samples = [Sample(id=f"s-{a}", input=f"What is {a} + 1?", target=str(a + 1)) for a in range(1, 5)]
    config = GenerateConfig(max_tokens=8)
    return Task(dataset=samples, solver=[system_message("You add numbers."), generate()], scorer=includes(), config=config)
"""


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    shutil.copyfile(SMOLLM2_GGUF, tmp_path / "model" / SMOLLM2_GGUF.name)
    sums = [{"q": f"1+1=2\n2+3=5\n{one}+{one + 1}=", "target": str(2 * one + 1)} for one in range(1, 7)]
    primes = [{"q": f"Is {one} a prime number?", "label": int(one % 2 == 0)} for one in range(101, 105)]
    (tmp_path / "sums.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in sums))
    (tmp_path / "prime.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in primes))
    (tmp_path / "sums.yaml").write_text(LM_EVAL)
    (tmp_path / "prime.yaml").write_text(PRIME)
    (tmp_path / "sums.py").write_text(INSPECT)
    return tmp_path


def _evaluate(place: Path, harness: str, task: str, to: str) -> int:
    python = ["--python", client_python("evals"), "--harness-python", client_python("harness")]
    code, said = hanse(
        *("evaluate", place / "model", "--harness", harness, "--task", place / task, "--to", place / to, *python, "--json")
    )
    assert code == 0, said
    return int(json.loads(said)["score"]["n"])


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_lm_eval(place: Path) -> None:
    """A task of lm-eval is answered by weights that were hashed and loaded here, and an audit finds each token the likeliest."""
    assert _evaluate(place, "lm-eval", "sums.yaml", "run") == 6
    read = read_run(place / "run")
    assert (read.record.weights.value, read.record.numerics["engine"], read.record.runner["name"]) == (
        "local",
        "llama.cpp",
        "lm-eval",
    )
    (place / "checkpoint").write_bytes(CHECKPOINT)
    check = ["--level", "V2", "--checkpoint", place / "checkpoint", "--items", 6, "--python", client_python("evals"), "--json"]
    code, said = hanse("reproduce", place / "run", place / "model", *check)
    assert (code, json.loads(said)["audit"]["argmax"]) == (0, "1.000000")


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_inspect(place: Path) -> None:
    """A task of Inspect is answered here too; its items are the messages that went out, with those that its solver put first."""
    assert _evaluate(place, "inspect", "sums.py@sums", "run") == 4
    read = read_run(place / "run")
    assert (read.record.weights.value, read.record.gaps[0]) == ("local", "driven")
    assert {one.messages[0] for one in read.suite.items} == {("system", "You add numbers.")}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_choices_and_another_run(place: Path) -> None:
    """Choices of lm-eval are scored by our own scorer, so that V1 holds; a second run of the task has the same outcomes."""
    assert _evaluate(place, "lm-eval", "prime.yaml", "run") == 4
    assert hanse("reproduce", place / "run")[0] == 0
    own = ["--harness", "lm-eval", "--task", place / "prime.yaml", "--harness-python", client_python("harness")]
    python = ["--python", client_python("evals"), "--json"]
    code, said = hanse("reproduce", place / "run", place / "model", "--level", "V3", "--to", place / "own", *own, *python)
    found = json.loads(said)
    assert code in {0, 3}, found  # four items decide nothing
    assert (found["sameNumerics"], found["pairing"]["exact"]) == (True, "1.000000")


_THEIRS = """
import json, sys
from inspect_ai.scorer._common import match_str
from lm_eval.api.metrics import exact_match_hf_evaluate
for line in sys.stdin:
    answer, target = json.loads(line)
    same = [float(exact_match_hf_evaluate([answer], [target], ignore_case=lower)["exact_match"]) for lower in (False, True)]
    print(json.dumps([*same, float(match_str(answer, target)[1])]))
"""


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_ported_scorers_say_what_the_harnesses_say() -> None:
    """For 3,000 answers and targets, drawn from words, marks, spaces and letters whose case is special, no outcome differs."""
    random, parts = (
        Random(7),
        ["Paris", "paris", "PARIS", "5", "55", " ", "\n", ".", "**", "\u00df", "ss", "\u0130", "$", "\u3002", "-"],
    )
    pairs = [["".join(random.choices(parts, k=random.randrange(most))) for most in (6, 4)] for _ in range(3000)]
    sent = "".join(json.dumps(one) + "\n" for one in pairs)
    command = [str(client_python("harness")), "-c", _THEIRS]
    said = subprocess.run(command, input=sent, capture_output=True, text=True, check=True, cwd="/").stdout
    for (answer, target), theirs in zip(pairs, map(json.loads, said.splitlines()), strict=True):
        item = Item("q", "q", (("user", "?"),), target)
        assert [verbatim(item, answer), verbatim_lower(item, answer), ends(item, answer)] == theirs, (answer, target)
