"""`hanse scan`: judge model files and folders on this machine, offline, without loading anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from hanse.cli.main import report
from hanse.cli.printable import clean
from hanse.errors import HanseError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hanse.flows.scanning import Scanned
    from hanse.model.finding import Finding, Judgement, RepositoryJudgement
    from hanse.scan.ruleset import Ruleset

app = App(name="scan", help="Judge model files and folders before anything loads them.", default_parameter=Parameter(negative=()))

Rules = Annotated[Path | None, Parameter(help="Ruleset to judge by: a TOML or JSON file, or a folder of TOML files.")]
PROGRESS_FROM = 20
_MARKS = {"safe": "ok", "caution": "caution", "suspicious": "SUSPICIOUS", "malicious": "MALICIOUS"}


@app.default
def scan(
    paths: Annotated[list[Path], Parameter(help="Files and folders.", negative=())],
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False,
    sarif: Annotated[Path | None, Parameter(help="Also write the findings as SARIF 2.1.0 to this file.")] = None,
    ruleset: Rules = None,
    digest: Annotated[bool, Parameter(help="Hash every file too, and give the digest of the evidence.")] = False,
) -> int:
    """Judge files and folders: nothing is loaded, executed, unpacked to disk or sent anywhere.

    Exits with 0 if everything is safe or needs caution, 1 if anything is suspicious or malicious, 2 if something could not be
    fully read (or the command line is wrong).
    """
    from hanse.flows.scanning import exit_code, judge_folders
    from hanse.store.outfile import require_writable

    try:
        require_writable(sarif)
        found, rules = _scan(paths, ruleset, digest=digest)
        if sarif is not None:
            _write_sarif(sarif, found, rules)
        folders = judge_folders(found, rules)
    except HanseError as error:  # 1 is taken: it says that something bad was found
        report(error)
        return 2
    if as_json:
        report_of = _report(found, rules)
        told = [one.to_json() | {"path": str(folder)} for folder, one in folders.items()]
        print(json.dumps(report_of | {"folders": told}, indent=2, ensure_ascii=False))
    else:
        _print(found, folders, rules)
    return exit_code(found, folders.values())


def _scan(paths: Sequence[Path], ruleset: Path | None, *, digest: bool) -> tuple[list[Scanned], Ruleset]:
    from hanse.flows.scanning import find_inputs, scan_all, workers

    items = find_inputs(paths)
    if not items:
        raise InputError("there is no file in what was named", hint="name a file, or a folder with files in it")
    with workers(items) as pool:
        rules = _rules(ruleset)
        with _progress(len(items)) as advance:
            return scan_all(items, rules, pool, digest=digest, done=advance), rules


@app.command
def explain(
    rule: Annotated[str | None, Parameter(help="Id of a rule, such as PICKLE-CALL-STDLIB; none: list all.")] = None,
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False,
    ruleset: Rules = None,
) -> int:
    """Say what a rule means, where it comes from, what triggers it and what makes a file pass; without a rule, list them all."""
    rules = _rules(ruleset)
    if rule is None:
        listed = {one.id: {"severity": one.severity.value, "title": one.title} for one in rules.rules.values()}
        text = "\n".join(f"{name:36} {one['severity']:11} {one['title']}" for name, one in sorted(listed.items()))
        print(json.dumps(listed, indent=2) if as_json else text)
        return 0
    found = rules.rules.get(rule.upper())
    if found is None:
        near = [name for name in sorted(rules.rules) if rule.upper().split("-", maxsplit=1)[0] in name][:8]
        hint = f"rules like it: {', '.join(near)}" if near else "list all rules: hanse scan explain"
        raise NotFoundError(f"ruleset {rules.version} has no rule {rule[:80]!r}", hint=hint)
    parts = {
        "id": found.id,
        "severity": found.severity.value,
        "title": found.title,
        "meaning": found.meaning,
        "says": found.says,
        "remedy": found.remedy,
        "example": found.example,
        "source": found.source,
        "refs": list(found.refs),
    }
    if as_json:
        print(json.dumps(parts, indent=2, ensure_ascii=False))
        return 0
    print(f"{found.id} ({found.severity.value}): {found.title}\n\n{found.meaning}\n")
    print(f"Triggered by: {found.example}\nWhat would make it pass: {found.remedy}\nFrom: {found.source}")
    if found.refs:
        print(f"See: {', '.join(found.refs)}")
    return 0


def _rules(path: Path | None) -> Ruleset:
    from hanse.flows.rulesets import builtin_ruleset, load_ruleset

    return load_ruleset(path) if path is not None else builtin_ruleset()


def _report(found: Sequence[Scanned], rules: Ruleset) -> dict[str, Any]:
    """Return the JSON object of a scan; each file's `path` is the one by which it was found."""
    from hanse.scan.versions import SCANNER

    files = []
    for one in found:
        entry = one.judgement.to_json() | {"path": str(one.input.found), "judged_as": one.judgement.path}
        if one.sha256 is not None:
            entry |= {"sha256": one.sha256, "evidence": one.evidence()}
        files.append(entry)
    ruleset = {"version": rules.version, "digest": rules.digest}
    return {"files": files, "summary": _summary(found), "ruleset": ruleset, "scanner": SCANNER}


def _summary(found: Sequence[Scanned]) -> dict[str, Any]:
    from hanse.model.finding import Coverage, Verdict

    verdicts = {one.value: sum(item.judgement.verdict is one for item in found) for one in Verdict}
    coverage = {one.value: sum(item.judgement.coverage is one for item in found) for one in Coverage}
    return {"files": len(found), "verdicts": verdicts, "coverage": coverage}


def _print(found: Sequence[Scanned], folders: Mapping[Path, RepositoryJudgement], rules: Ruleset) -> None:
    kept = 0
    for one in found:
        if _is_bookkeeping(one):
            kept += 1
            continue
        print(_line(one.judgement, clean(str(one.input.found))))
        _print_findings(one.judgement.findings)
        for gap in one.judgement.gaps[:5]:
            print(f"  not read: {clean(gap.member) or 'the file'} as {gap.format} ({clean(gap.reason)})")
    if kept:
        print(f"ok: {kept:,} files in which a client keeps its own accounts (.cache/huggingface)")
    for folder, judgement in folders.items():
        if judgement.findings:
            print(f"{clean(str(folder))} as a whole:")
            _print_findings(judgement.findings)
    counts = _summary(found)
    told = [f"{count:,} {name}" for name, count in counts["verdicts"].items() if count]
    told += [f"{count:,} {name}" for name, count in counts["coverage"].items() if count and name != "complete"]
    print(f"{len(found):,} files: {', '.join(told)} (ruleset {rules.version} {rules.digest[:12]})")


def _is_bookkeeping(one: Scanned) -> bool:
    """Tell whether nothing is to be said of a file that a Hugging Face client put beside what it downloaded."""
    found = one.judgement
    clean = found.verdict.rank == 0 and found.coverage.value == "complete" and not found.findings
    return clean and ".cache/huggingface/" in one.input.found.as_posix()


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        where = f" in {clean(finding.member)}" if finding.member else ""
        at = f" at byte {finding.offset:,}" if finding.offset is not None else ""
        print(f"  {finding.severity.value} {finding.rule}{where}{at}: {clean(finding.says)}")
        print(f"    to pass: {clean(finding.remedy)}")


def _line(judgement: Judgement, name: str) -> str:
    word = _MARKS[judgement.verdict.value]
    if judgement.coverage.value != "complete":
        word = judgement.coverage.value if judgement.verdict.rank < 2 else f"{word}, {judgement.coverage.value}"
    formats = f" [{', '.join(judgement.formats[:4])}]" if judgement.formats else ""
    return f"{word}: {name}{formats}"


def _write_sarif(path: Path, found: Sequence[Scanned], rules: Ruleset) -> None:
    from hanse.scan.sarif import sarif
    from hanse.store.outfile import replace_file

    log = sarif([(one.input.found.as_posix(), one.judgement) for one in found], rules)
    replace_file(path, json.dumps(log, indent=2).encode() + b"\n")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Scanned], None]]:
    """Show on standard error how far a scan of many files has come: a bar on a terminal, a line now and then elsewhere."""
    if total < PROGRESS_FROM:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _counted(total)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scanning", total=total)
        yield lambda _: bar.advance(task)


def _counted(total: int) -> Callable[[Scanned], None]:
    step = max(100, total // 10)
    count = 0

    def advance(_: Scanned) -> None:
        nonlocal count
        count += 1
        if count % step == 0:
            print(f"scanned {count:,} of {total:,} files", file=sys.stderr, flush=True)

    return advance
