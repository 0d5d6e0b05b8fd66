"""Runs written for others: in forms that their own readers take."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.services.clients import client_python
from tests.support.openaiserver import Adder, Model, sums

from hanse.errors import BadFormat, HanseError, InputError, VerificationFailed
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.exchange.exporting import FORMS, export
from hanse.model.repo import Origin

_READ = """
import sys, yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
one, = parse_eval_result_entries(yaml.safe_load(open(sys.argv[1])))
print(one.dataset_id, one.task_id, one.value, one.source_url)
card = ModelCard(open(sys.argv[2]).read())
print(card.data.eval_results[0].metric_value, card.data.model_name)
"""


@pytest.fixture(scope="module", name="run")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    subject = of_endpoint("http://api.example", "adder")
    evaluate(Order(sums(20), subject, folder, Origin("uni.example")), Adder(Model(noise=0.2)))
    return folder


def test_every_form_is_written(run: Path, tmp_path: Path) -> None:
    """Each form parses, and has the score of the record."""
    score = float(json.loads((run / "record.json").read_bytes())["predicate"]["score"]["value"])
    for form in FORMS:
        export([run], form, tmp_path / form, dataset="uni/sums", now=0.0)
    assert yaml.safe_load((tmp_path / "eval-results").read_text())[0]["value"] == score
    said = json.loads((tmp_path / "every-eval-ever").read_text())
    assert said["evaluation_results"][0]["score_details"]["score"] == score
    assert f"{score:.3f}" in (tmp_path / "html").read_text()
    assert (tmp_path / "model-index").read_text().startswith("---\nmodel-index:\n")


def test_what_is_not_written(run: Path, tmp_path: Path) -> None:
    """No run, a form that is none, and a record that does not follow from its table are refused."""
    for folders, form in (([], "html"), ([run], "pdf"), ([run, run], "every-eval-ever")):
        with pytest.raises(InputError):
            export(folders, form, tmp_path / "x")
    with pytest.raises(BadFormat):
        export([run], "eval-results", tmp_path / "x")
    for one in run.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    table = tmp_path / "table.jsonl"
    table.write_bytes(table.read_bytes().replace(b'"outcome":"0.000000"', b'"outcome":"1.000000"'))
    with pytest.raises(VerificationFailed):
        export([tmp_path], "html", tmp_path / "x")
    with pytest.raises(HanseError):
        export([tmp_path / "missing"], "html", tmp_path / "x")


@pytest.mark.soak
def test_the_hub_client_reads_them(run: Path, tmp_path: Path) -> None:
    """The unmodified huggingface_hub reads the entries and the card's metadata, with the same value."""
    export([run], "eval-results", tmp_path / "a.yaml", url="https://uni.example/r", dataset="uni/sums")
    export([run], "model-index", tmp_path / "README.md", url="https://uni.example/r")
    command = [str(client_python("hub2")), "-c", _READ, str(tmp_path / "a.yaml"), str(tmp_path / "README.md")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    score = json.loads((run / "record.json").read_bytes())["predicate"]["score"]["value"]
    assert said[0].split()[:2] == ["uni/sums", "sums"]
    assert float(said[0].split()[2]) == float(score) == float(said[1].split()[0])
