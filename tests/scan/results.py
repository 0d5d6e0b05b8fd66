"""`python -m tests.scan.results`: judges the corpus, real files and repositories, and writes docs/scanner-results.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.scan import repos_real
from tests.scan.corpus import judgements as corpus_judgements
from tests.scan.corpus import table
from tests.scan.real import installed, judgements, made, make, refused, report
from tests.services.clients import CLIENTS, ROOT

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Judgement
from hanse.scan.versions import SCANNER

PAGE = ROOT / "docs" / "scanner-results.md"
Found = list[tuple[str, str, Judgement]]


def page(corpus: Found, written: Found, shipped: Found, whole: repos_real.Found) -> str:
    """Return the page: what was judged, with which scanner and ruleset, as tables with 95 % intervals."""
    rules = builtin_ruleset()
    parts = [
        "# Scanner results\n\nWritten by `python -m tests.scan.results`; intervals are Wilson score intervals of 95 %.",
        f"Scanner `{SCANNER}`, ruleset {rules.version} (`{rules.digest[:16]}`).",
        "Not served: malicious, suspicious, or not fully read.",
        "## Reference corpus\n\nLabelled files beside the project; read as bytes, never loaded.",
        table((label, one) for label, _, one in corpus) if corpus else "Not here.\n",
        f"## Files that real libraries write\n\n{len(written)} files, made in an environment of their own (tests/scan_libs).",
        report(written),
        _listed(written),
        f"## Files in installed packages\n\n{len(shipped)} files of {len({group for group, _, _ in shipped})} packages.",
        report([("all packages", name, one) for _, name, one in shipped]),
        _listed(shipped),
        f"## Whole repositories\n\n{len(whole)} repositories, all files of each judged together (tests/scan/repos_real.py).",
        repos_real.report(whole),
        "\n".join(f"- {line}" for line in repos_real.refused(whole)),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _listed(found: Found) -> str:
    """Return the files that are not served, as a list; nothing if there are none."""
    lines = [f"- `{name}`: {one.verdict.value}, {one.coverage.value}" for _, name, one in found if one.verdict.rank > 1]
    return "Not served:\n\n" + "\n".join(lines) if lines else ""


def main() -> None:
    """Write the page; what is not served is printed with its reasons."""
    corpus = [(row.label, row.path, one) for row, one in corpus_judgements()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(make(folder, seconds=3_600))
        written = judgements(made(folder), folder)
    with tempfile.TemporaryDirectory() as name:
        print(repos_real.make(Path(name)))
        whole = repos_real.judgements(Path(name))
    shipped = judgements(installed(), CLIENTS)
    PAGE.write_text(page(corpus, written, shipped, whole), encoding="utf-8")
    print("\n".join(refused(written) + refused(shipped) + repos_real.refused(whole)), file=sys.stderr)


if __name__ == "__main__":
    main()
