"""Results in the forms of the Hugging Face Hub: `.eval_results/*.yaml`, and the older `model-index` of a model card.

Neither has room for an error bar or for what was run; so the notes say both, and the source is the place of the record. What
others write in the first form is read as a claim.
"""

from __future__ import annotations

import re
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.exchange.claim import Claim, Claimed
from hanse.evals.exchange.log import Reader
from hanse.evals.record import Record
from hanse.evals.suite import Suite

FORM = "eval-results"
MAX_ENTRIES = 1000
_MAX_TEXT = 1000
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def entry(record: Record, suite: Suite, digest: str, *, dataset: str, url: str = "") -> dict[str, Any]:
    """Return the entry of a file in `.eval_results`.

    digest: of the record's statement; dataset: ORG/NAME or ORG/NAME@REVISION of the suite; url: where the record is. Raises
    BadFormat for a data set that is not named so.
    """
    name, _, revision = dataset.partition("@")
    if _REPO.fullmatch(name) is None:
        raise BadFormat("a result stands under the data set of its suite, as ORG/NAME or ORG/NAME@REVISION", hint="--dataset")
    about = {"id": name, "task_id": suite.name} | ({"revision": revision[:100]} if revision else {})
    found: dict[str, Any] = {"dataset": about, "value": float(record.score.value)}
    if url:
        found["source"] = {"url": url[:1000], "name": f"Evaluation record of {record.evaluator}"}
    return found | {"notes": notes(record, suite, digest)}


def notes(record: Record, suite: Suite, digest: str) -> str:
    """Return in words what these forms have no fields for."""
    score = record.score
    parts = [f"95 % interval {score.low} to {score.high} on {score.n} items in {score.clusters} clusters"]
    parts += ["lower is better"] * suite.lower_is_better + ["degenerate: within one item of 0 or 1"] * score.degenerate
    parts += [f"weights {record.weights.value}, tree sha256:{record.model}", f"suite {suite.version} sha256:{suite.digest}"]
    return "; ".join([*parts, f"record sha256:{digest}"])


def model_index(runs: list[tuple[Record, Suite, str]], name: str, url: str = "") -> dict[str, Any]:
    """Return what a model card's metadata says of runs, each with the digest of its statement."""
    results = []
    for record, suite, digest in runs:
        metric = {"type": suite.scorer[0], "name": f"{suite.name} ({notes(record, suite, digest)})", "value": _number(record)}
        result: dict[str, Any] = {"task": {"type": "text-generation"}, "metrics": [metric]}
        result["dataset"] = {"name": f"{suite.name} {suite.version}", "type": suite.name}
        if url:
            result["source"] = {"name": f"Evaluation record of {record.evaluator}", "url": url[:1000]}
        results.append(result)
    return {"model-index": [{"name": name, "results": results}]}


def _number(record: Record) -> float:
    return float(record.score.value)


def parse_entries(said: object) -> Claimed:
    """Return what a file in `.eval_results`, as its YAML parses, claims; the model is that of the repository, and not named.

    Raises BadFormat for anything else.
    """
    if type(said) is not list or not 0 < len(said) <= MAX_ENTRIES:
        raise BadFormat(f"a file in .eval_results is a list of 1 to {MAX_ENTRIES:,} results")
    return Claimed(FORM, "", "", tuple(_claim(Reader(one, "a result")) for one in said))


def _claim(one: Reader) -> Claim:
    dataset, source = one.inner("dataset"), one.inner("source")
    value = one.number("value", -1e9, 1e9)
    if value is None:
        raise BadFormat("a result has a value")
    task = dataset.text("task_id", dataset.text("config", ""))
    more = {"revision": dataset.text("revision", ""), "source": source.text("url", ""), "notes": one.text("notes", "")}
    return Claim.of(dataset.text("id"), task, "", value, date=str(one.raw("date") or ""), more=more)


def shown_entries(said: object) -> list[dict[str, Any]]:
    """Return the entries of a file in `.eval_results` as the Hub's API shows them: known fields only, texts cut at 1,000.

    said: as its YAML parses. Raises BadFormat for anything that a client could not read.
    """
    if type(said) is not list or not 0 < len(said) <= MAX_ENTRIES:
        raise BadFormat(f"a file in .eval_results is a list of 1 to {MAX_ENTRIES:,} results")
    return [_shown(Reader(one, "a result")) for one in said]


def _shown(one: Reader) -> dict[str, Any]:
    dataset, source = one.inner("dataset"), one.inner("source")
    value = one.number("value", -1e9, 1e9)
    if value is None:
        raise BadFormat("a result has a value")
    about = {"id": dataset.text("id")[:_MAX_TEXT], "task_id": dataset.text("task_id")[:_MAX_TEXT]}
    shown: dict[str, Any] = {"dataset": about | _texts(dataset, "revision"), "value": value}
    shown |= _texts(one, "verifyToken", "date", "notes")
    where = _texts(source, "url", "name", "user", "org")
    return shown | ({"source": where} if "url" in where else {})


def _texts(one: Reader, *names: str) -> dict[str, str]:
    return {name: text[:_MAX_TEXT] for name in names if (text := one.text(name, ""))}
