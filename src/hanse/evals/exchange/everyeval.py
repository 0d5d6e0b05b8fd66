"""Results in the form of Every Eval Ever, an aggregate of version 0.3.0: written from records, read as claims.

What the form has no field for stands in its `additional_details`, whose values are texts.
"""

from __future__ import annotations

from typing import Any

from hanse.errors import BadFormat
from hanse.evals.exchange.claim import Claim, Claimed
from hanse.evals.exchange.evalresults import notes
from hanse.evals.exchange.log import Reader, model_name
from hanse.evals.record import Record, WeightsClass
from hanse.evals.suite import Suite
from hanse.model.strictjson import parse_strict

FORM = "every-eval-ever"
VERSION = "0.3.0"
MAX_BYTES = 16 * 1024 * 1024
MAX_RESULTS = 10_000
_READ = ("0.2.", "0.3.")


def aggregate(record: Record, suite: Suite, digest: str, now: float) -> dict[str, Any]:
    """Return the aggregate of one record. digest: of its statement; now: seconds since 1970, of writing it."""
    made = {"hanse_record_sha256": digest, "hanse_table_sha256": record.table}
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{suite.name}/{record.name}/{digest[:32]}",
        "retrieved_timestamp": f"{now:.0f}",
        "source_metadata": {
            "source_name": "Hanse evaluation record",
            "source_type": "evaluation_run",
            "source_organization_name": str(record.evaluator),
            "evaluator_relationship": "other",
            "additional_details": made | {f"root_{name}": value for name, value in record.roots.items()},
        },
        "eval_library": {"name": record.runner.get("name", "unknown"), "version": record.runner.get("version", "unknown")},
        "model_info": _model(record),
        "evaluation_results": [_result(record, suite, digest)],
    }


def _model(record: Record) -> dict[str, Any]:
    opened = record.weights is not WeightsClass.CLAIMED
    details = {
        "deployment_type": "self_deployed" if opened else "unknown",
        "model_availability": "open_weights" if opened else "unknown",
        "weights_class": record.weights.value,
        "tree_sha256": record.model,
        "numerics_class": record.numerics_class,
        "gaps": " ".join(record.gaps),
    }
    details |= {f"numerics_{name}": value for name, value in record.numerics.items()}
    details |= {f"hardware_{name}": value for name, value in record.hardware.items()}
    found: dict[str, Any] = {"name": record.name, "id": record.name, "additional_details": details}
    engine = {"name": record.numerics.get("engine", ""), "version": record.numerics.get("engineVersion", "")}
    return found | {"inference_engine": {name: value for name, value in engine.items() if value}}


def _result(record: Record, suite: Suite, digest: str) -> dict[str, Any]:
    score = record.score
    interval = {"lower": float(score.low), "upper": float(score.high), "confidence_level": 0.95}
    uncertainty = {
        "standard_error": {"value": float(score.se), "method": "clustered"},
        "confidence_interval": interval | {"method": "Clopper-Pearson, or Wilson over the effective number of items"},
        "num_samples": score.n,
    }
    data = {"suite_sha256": suite.digest, "suite_version": suite.version, "items_root": suite.items_root}
    decoding = suite.decoding
    return {
        "evaluation_name": suite.name,
        "source_data": {
            "dataset_name": suite.name,
            "source_type": "other",
            "additional_details": data | {"license": suite.license},
        },
        "metric_config": {
            "evaluation_description": notes(record, suite, digest),
            "metric_id": " ".join(suite.scorer),
            "metric_name": suite.scorer[0],
            "lower_is_better": suite.lower_is_better,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": float(score.value), "uncertainty": uncertainty},
        "generation_config": {
            "generation_args": {
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                **({"max_tokens": decoding.tokens} if decoding.tokens else {}),
            }
        },
    }


def parse_aggregate(data: bytes) -> Claimed:
    """Return what an aggregate claims; raises TooLarge, or BadFormat for anything else."""
    said = Reader(parse_strict(data, "an aggregate", MAX_BYTES), "aggregate")
    if not said.text("schema_version", "").startswith(_READ):
        raise BadFormat(f"an aggregate of Every Eval Ever has a schema_version {VERSION}, got {said.raw('schema_version')!r:.60}")
    rows = said.array("evaluation_results")
    if not 0 < len(rows) <= MAX_RESULTS:
        raise BadFormat(f"an aggregate has 1 to {MAX_RESULTS:,} results, got {len(rows):,}")
    date = said.text("evaluation_timestamp", "")
    claims = tuple(_claim(Reader(one, "a result"), date) for one in rows)
    source = said.inner("source_metadata")
    return Claimed(FORM, model_name(said.inner("model_info").text("id")), source.text("source_organization_name", ""), claims)


def _claim(one: Reader, date: str) -> Claim:
    details = one.inner("score_details")
    value = details.number("score", -1e9, 1e9)
    if value is None:
        raise BadFormat("a result has a score")
    uncertainty = details.inner("uncertainty")
    said = uncertainty.inner("confidence_interval")
    low, high = said.number("lower", -1e9, 1e9), said.number("upper", -1e9, 1e9)
    interval = None if low is None or high is None else (low, high)
    items = int(uncertainty.number("num_samples", 0, 1_000_000_000) or 0)
    source, metric = one.inner("source_data"), one.inner("metric_config")
    more = {"repository": source.text("hf_repo", ""), "split": source.text("hf_split", "")}
    name = metric.text("metric_id", metric.text("metric_name", ""))
    when = one.text("evaluation_timestamp", date)
    return Claim.of(
        source.text("dataset_name", ""),
        one.text("evaluation_name"),
        name,
        value,
        interval=interval,
        items=items,
        date=when,
        more=more,
    )
