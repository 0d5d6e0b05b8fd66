"""Writing runs for people and other programs. Each record is checked against its table first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from hanse.clock import SystemClock
from hanse.errors import InputError
from hanse.evals.exchange import evalresults, everyeval
from hanse.evals.exchange.report import Shown, page
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.store.outfile import replace_file, require_writable

FORMS = ("html", "eval-results", "model-index", "every-eval-ever")
MAX_RUNS = 50


def export(folders: Sequence[Path], form: str, to: Path, *, url: str = "", dataset: str = "", now: float | None = None) -> None:
    """Write runs in a form. url: where the record is; dataset: of the suite on the Hub; now: seconds since 1970.

    Raises InputError for no run, too many, or several models where a form has one; BadFormat; StorageError; as `read_run` does.
    """
    if not 0 < len(folders) <= MAX_RUNS or form not in FORMS:
        raise InputError(f"one of the forms {', '.join(FORMS)}, and 1 to {MAX_RUNS} runs, are written; {len(folders)} are named")
    require_writable(to)
    reads = [read_run(one, answers=False) for one in folders]
    replace_file(to, _write(reads, form, url, dataset, SystemClock().now() if now is None else now).encode())


def _dump(value: object) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def _write(reads: list[Read], form: str, url: str, dataset: str, now: float) -> str:
    runs = [(one.record, one.suite, hashlib.sha256(one.statement.encode()).hexdigest()) for one in reads]
    if form == "html":
        signers = ["" if one.signer is None else one.signer.fingerprint for one in reads]
        shown = [
            Shown(one.run, one.suite, digest, signer) for one, (_, _, digest), signer in zip(reads, runs, signers, strict=True)
        ]
        return page(shown)
    if len({record.model for record, _, _ in runs}) > 1:
        raise InputError(f"{form} is about one model, these runs are about {len({record.model for record, _, _ in runs})}")
    if form == "eval-results":
        return _dump([evalresults.entry(*one, dataset=dataset, url=url) for one in runs])
    if form == "model-index":
        return f"---\n{_dump(evalresults.model_index(runs, runs[0][0].name, url))}---\n"
    if len(runs) != 1:
        raise InputError("an aggregate of Every Eval Ever is written of one run", hint="name one")
    return json.dumps(everyeval.aggregate(*runs[0], now), indent=2, ensure_ascii=False) + "\n"
