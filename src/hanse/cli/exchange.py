"""`hanse import-log`, `hanse import-claims` and `hanse export-record`: evaluations from other programs, and for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hanse.cli.evaluating import EVALUATOR, Json

if TYPE_CHECKING:
    from hanse.flows.evaluate.subject import Subject

Key = Annotated[str, Parameter(help="Your private key, as for hanse sign; without one it is not signed.")]
Evaluator = Annotated[str, Parameter(name="--as", help="Origin of your institution.")]
Of = Annotated[Path | None, Parameter(help="Folder with the files of the model that it is said to be about.")]
Form = Literal["html", "eval-results", "model-index", "every-eval-ever"]


def import_log(
    log: Annotated[Path, Parameter(help="Log of Inspect AI (.eval or JSON), results of lm-eval, or report of garak.")],
    /,
    *,
    to: Annotated[Path, Parameter(help="Folder of the run that is made.")],
    task: Annotated[str, Parameter(help="Task (lm-eval) or probe (garak), if the log has several.")] = "",
    metric: Annotated[str, Parameter(help="Metric, scorer (Inspect) or detector (garak), if there are several.")] = "",
    of: Of = None,
    key: Key = "",
    evaluator: Evaluator = EVALUATOR,
    as_json: Json = False,
) -> None:
    """Make a run's folder out of another harness's log: its record lists what the log cannot say, and claims the weights only."""
    from hanse.cli.evaluating import record_text, signer_of
    from hanse.flows.exchange.importing import Wanted
    from hanse.flows.exchange.importing import import_log as read
    from hanse.model.repo import parse_origin

    wanted = Wanted(task, metric, to, parse_origin(evaluator), signer_of(key), _subject(of))
    record = read(log, wanted).predicate()
    if as_json:
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return
    print(f"{record_text(record, to)}\nimported: not told are {', '.join(record['gaps'][1:])}")


def import_claims(
    file: Annotated[Path, Parameter(help="File of .eval_results (YAML), or aggregate of Every Eval Ever (JSON).")],
    /,
    *,
    to: Annotated[Path, Parameter(help="File to write the statement to.")],
    of: Annotated[Path, Parameter(help="Folder with the files of the model that it is about.")],
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Pass on results that somebody published, as claims: a statement that says who said so, which no rule counts as a result."""
    from hanse.cli.evaluating import signer_of
    from hanse.flows.evaluate.subject import of_files
    from hanse.flows.exchange.claims import import_claims as read
    from hanse.store.outfile import require_writable

    require_writable(to)
    said = read(file, of_files(of), to, signer_of(key))
    if as_json:
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return
    print(f"{len(said['claims'])} claims, by {said['by'] or 'whom the file does not say'}, in {to}")


def export_record(
    *runs: Annotated[Path, Parameter(help="Folders of runs.")],
    form: Annotated[Form, Parameter(help="What is written.")],
    to: Annotated[Path, Parameter(help="File to write.")],
    url: Annotated[str, Parameter(help="Where the record can be had.")] = "",
    dataset: Annotated[str, Parameter(help="eval-results: ORG/NAME[@REVISION] of the suite on the Hub.")] = "",
) -> None:
    """Write runs for people and other programs: a report, the Hub's forms, or Every Eval Ever. Each record is checked first."""
    from hanse.flows.exchange.exporting import export

    export(list(runs), form, to, url=url, dataset=dataset)
    print(to)


def _subject(folder: Path | None) -> Subject | None:
    from hanse.flows.evaluate.subject import claimed, of_files

    return None if folder is None else claimed(of_files(folder))
