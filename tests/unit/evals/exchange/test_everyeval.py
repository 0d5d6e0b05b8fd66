"""Every Eval Ever, written and read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.services.clients import client_python
from tests.support.exchanged import made

from hanse.errors import BadFormat, TooLarge
from hanse.evals.exchange.everyeval import MAX_BYTES, aggregate, parse_aggregate

REQUIRED = {
    "": {"schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "eval_library", "model_info"},
    "source_metadata": {"source_type", "source_organization_name", "evaluator_relationship"},
    "eval_library": {"name", "version"},
    "model_info": {"name", "id", "additional_details"},
}
"""What schema 0.3.0 asks for, copied from it."""


def _said() -> dict[str, Any]:
    one = made()
    return aggregate(one.record, one.suite, "a" * 64, 1_795_761_628.0)


def test_an_aggregate_has_what_the_schema_asks_for() -> None:
    """Required fields are there, choices are among those allowed, and additional details are texts."""
    said = _said()
    for name, fields in REQUIRED.items():
        assert fields <= (said[name] if name else said).keys()
    details = said["model_info"]["additional_details"]
    assert details["deployment_type"] == "unknown"
    assert all(type(value) is str for value in details.values())
    (result,) = said["evaluation_results"]
    assert {"evaluation_name", "source_data", "metric_config", "score_details"} <= result.keys()
    assert result["source_data"]["source_type"] == "other"
    assert said["schema_version"] == "0.3.0"


def test_what_is_written_is_read_as_a_claim() -> None:
    """An aggregate of ours that comes back claims the same score, interval and number of items."""
    one = made()
    (claim,) = parse_aggregate(json.dumps(_said()).encode()).claims
    score = one.record.score
    assert (claim.value, claim.low, claim.high, claim.items) == (score.value, score.low, score.high, score.n)


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": "9"},
        {"evaluation_results": []},
        {"evaluation_results": ["x"]},
        {"evaluation_results": [{"evaluation_name": "x", "score_details": {}}]},
        {"evaluation_results": [{"evaluation_name": "x", "score_details": {"score": "1"}}]},
        {"model_info": "x"},
    ],
)
def test_hostile_aggregates(change: dict[str, Any]) -> None:
    """Other versions, and results without a number, are refused."""
    with pytest.raises(BadFormat):
        parse_aggregate(json.dumps(_said() | change).encode())


def test_too_large() -> None:
    """An aggregate is bounded before it is parsed."""
    with pytest.raises(TooLarge):
        parse_aggregate(b" " * (MAX_BYTES + 1))


_SCHEMA = Path(__file__).parents[3] / "vectors" / "every_eval_ever.schema.json"
"""As the package every_eval_ever 0.3.0 has it, without descriptions (MIT, its licence lies beside)."""
_VALID = """
import json, sys
from jsonschema import Draft7Validator
schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
for error in Draft7Validator(schema).iter_errors(json.load(sys.stdin)):
    print(list(error.path), error.message[:200])
"""


@pytest.mark.soak
def test_the_published_schema_takes_it() -> None:
    """An aggregate is valid by the form's own schema, and one without a score is not."""
    command = [str(client_python("harness")), "-c", _VALID, str(_SCHEMA)]
    said = _said()
    assert subprocess.run(command, input=json.dumps(said), capture_output=True, text=True, check=True, timeout=60).stdout == ""
    del said["evaluation_results"][0]["score_details"]["score"]
    done = subprocess.run(command, input=json.dumps(said), capture_output=True, text=True, check=True, timeout=60)
    assert "'score' is a required property" in done.stdout
