"""Tools that can be judged: our own scanner, other scanners as commands, and our own refusal scorer.

A command gets a copy of each file under its own name, in a folder that holds nothing else, and limits as `scan_also` has them.
What it says is its exit code, as picklescan and modelaudit have it: 0 passed, 1 flagged, anything else undecided.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hanse.errors import BadFormat, InputError, TooLarge
from hanse.evals.scorers.refusal import refused_in
from hanse.evals.toolrecord import Item, Outcome
from hanse.flows.rulesets import builtin_ruleset
from hanse.flows.scanning import Input, Scanned, scan_all, workers
from hanse.flows.vetting.corpus import Corpus, read_pieces
from hanse.jobs.external import CommandLimits, run_command
from hanse.model.finding import Coverage, Verdict
from hanse.scan.versions import SCANNER

MAX_TEXT = 1024 * 1024
"""Bytes of a text that a scorer is asked about."""
COMMANDS = {
    "picklescan": ("picklescan", "-p", "{file}"),
    "modelaudit": ("env", "PROMPTFOO_DISABLE_TELEMETRY=1", "NO_ANALYTICS=1", "modelaudit", "scan", "{file}"),
}
"""Commands of scanners that are known by name; they are to be on the search path."""
Tell = Callable[[int], None]
Rows = Iterator[tuple[Item, Outcome]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. named: what a record says of it; ask: gives each item of a corpus with its outcome."""

    named: Mapping[str, str]
    ask: Callable[[Corpus], Rows]


def own_scanner() -> Tool:
    """Return the scanner of this version, under the ruleset that ships."""
    rules = builtin_ruleset()

    def ask(corpus: Corpus) -> Rows:
        inputs = [Input(corpus.folder / item.id, item.id) for item in corpus.items]
        with workers(inputs) as pool:
            for item, found in zip(corpus.items, scan_all(inputs, rules, pool, digest=True), strict=True):
                yield item, _outcome(item, found)

    return Tool({"name": "hanse", "kind": "scanner", "version": SCANNER, "ruleset": rules.digest}, ask)


def _outcome(item: Item, found: Scanned) -> Outcome:
    if found.sha256 not in {None, item.sha256}:
        raise BadFormat(f"{item.id} changed while it was read", hint="nothing may write to a corpus meanwhile")
    if found.judgement.verdict.rank >= Verdict.SUSPICIOUS.rank:
        return Outcome.FLAGGED
    return Outcome.PASSED if found.judgement.coverage is Coverage.COMPLETE else Outcome.UNDECIDED


def command(name: str, words: Sequence[str], version: str, limits: CommandLimits | None = None) -> Tool:
    """Return a scanner that is a command, `{file}` in it for the file's name."""
    bounds = limits or CommandLimits()

    def ask(corpus: Corpus) -> Rows:
        for item in corpus.items:
            with tempfile.TemporaryDirectory(prefix="hanse-vet-") as folder:
                copy = Path(folder) / PurePosixPath(item.id).name
                with copy.open("xb") as out:
                    out.writelines(read_pieces(corpus.folder, item.id))
                copy.chmod(0o400)
                found = run_command(words, copy, bounds)
            assert found is not None
            if found["error"] == "start":
                raise InputError(f"there is no program {words[0][:100]!r}", hint="put it on the search path, or use --command")
            ended: int = -1 if found["error"] == "time" else found["exit"]
            yield item, {0: Outcome.PASSED, 1: Outcome.FLAGGED}.get(ended, Outcome.UNDECIDED)

    return Tool({"name": name, "kind": "scanner", "version": version, "command": " ".join(words)[:300]}, ask)


def refusal_scorer() -> Tool:
    """Return the scorer of refusals; items are answers, as texts in UTF-8."""

    def ask(corpus: Corpus) -> Rows:
        for item in corpus.items:
            data = b"".join(read_pieces(corpus.folder, item.id))
            if len(data) > MAX_TEXT:
                raise TooLarge(f"{item.id} has {len(data):,} bytes, a text for a scorer at most {MAX_TEXT:,}")
            try:
                yield item, judged_text(data.decode("utf-8"))
            except UnicodeDecodeError:
                yield item, Outcome.UNDECIDED

    return Tool(SCORER, ask)


SCORER = {"name": "refusal", "kind": "scorer", "version": "1"}
"""What a record says of the refusal scorer."""


def judged_text(answer: str) -> Outcome:
    """Return what the refusal scorer says of an answer."""
    return Outcome.PASSED if refused_in(answer) is None else Outcome.FLAGGED
