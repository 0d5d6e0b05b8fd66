"""Writes the table of docs/conform.md from real runs of the suite: nginx, olah, stock `hf`, and Hanse.

`python -m tests.docs.conform_report [SUBJECT ...]` runs all subjects, or those named, and keeps each one's report as JSON in
docs/conform/; the table is made from those files (`python -m tests.docs.conform_report table` does only that).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.services.clients import client_hf
from tests.support.ports import own_port
from tests.support.proxies import gateway, nginx, olah

from hanse.conform.cases import CASES
from hanse.conform.internal import InternalServer
from hanse.conform.origin import HubOrigin
from hanse.conform.outcome import Verdict
from hanse.conform.report import as_json, line, summary, table
from hanse.conform.subjects import Command, Server
from hanse.conform.suite import Result, Suite, chosen

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "docs" / "conform"
PATIENCE = 30.0
LONGER = {"hf 2.4 under hanse run": 90.0}
"""Who repeats by himself for as long as the usual patience what a server behind him did not give."""
HF = "download {repo} {file} --local-dir {dir}"
HANSE = f"{sys.executable} -m hanse"
COMMANDS = {
    "hf 2.4": f"{client_hf('hub2')} {HF}",
    "hf 2.4 with Xet": f"{client_hf('hub2')} {HF}",
    "hanse pull": f"{HANSE} pull {{repo}} --upstream {{origin}} --policy open --include {{file}} --to {{dir}}",
    "hf 2.4 under hanse run": f"{HANSE} run --upstream {{origin}} --policy open -- {client_hf('hub2')} {HF}",
}
PROXIES = ("nginx", "nginx with a cache", "olah 0.5.4", "hanse gateway")
XET = ("hf 2.4 with Xet", "hanse gateway", "hanse pull")
XET_CASES = ("wrong-bytes", "reframed-chunks", "second-claims", "wrong-revision", "poisoned-xet", "truncated", "gone")
"""What goes another way when large files come by reconstruction."""


SUBJECTS = (*COMMANDS, *PROXIES)
PAGE = ROOT / "docs" / "conform.md"
BEGIN, END = "<!-- report -->", "<!-- end of report -->"


def report_path(name: str) -> Path:
    """Return where the report on a subject is kept."""
    return REPORTS / f"{name.replace(' ', '-')}.json"


@contextmanager
def subject(name: str, origin: HubOrigin, *, patience: float = PATIENCE) -> Iterator[Server | Command]:
    """Start what is examined, with a patience in seconds; ends it after the block."""
    if name in COMMANDS:
        with closing(Command(COMMANDS[name], origin.url, patience=patience)) as command:
            yield command
        return
    with tempfile.TemporaryDirectory(prefix="conform-") as folder:
        where = Path(folder)
        if name.startswith("olah"):
            proxy = olah(origin.url, where)
        elif name.startswith("nginx"):
            proxy = nginx(origin.url, where, cache=name != "nginx")
        else:
            proxy = gateway(origin.url, where)
        with proxy as url:
            yield Server(url, patience=patience)


def examine(name: str) -> None:
    """Run the suite on one subject and keep its report."""
    print(f"== {name}", flush=True)
    xet = name in XET
    made = HubOrigin(xet=xet, chunk_lists=xet, port=own_port())
    results = []
    cases = chosen(XET_CASES if name.endswith("with Xet") else ())
    patience = LONGER.get(name, PATIENCE)
    with made as origin, InternalServer() as internal, subject(name, origin, patience=patience) as examined:
        for result in Suite(origin, examined, internal).run(cases):
            results.append(result)
            print(line(result), flush=True)
    print(summary(results), flush=True)
    REPORTS.mkdir(exist_ok=True)
    report_path(name).write_text(json.dumps(as_json(name, results), indent=1) + "\n")


def page_table() -> str:
    """Return the table of docs/conform.md as the kept reports have it."""
    cases = {case.name: case for case in CASES}
    columns = []
    for name in SUBJECTS:
        path = report_path(name)
        if path.exists():
            said = json.loads(path.read_text())["cases"]
            results = [
                Result(cases[one["case"]], Verdict[one["verdict"].upper().replace("-", "_")], one["note"], one["seconds"])
                for one in said
            ]
            columns.append((name, results))
    return table(columns)


def write_page() -> None:
    """Put the table into docs/conform.md."""
    before, mark, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    PAGE.write_text(f"{before}{mark}\n{page_table()}{end}{after}")


def main(names: list[str]) -> None:
    """Examine the subjects in `names` (all if none; `table`: none), and write the table."""
    for name in [] if names == ["table"] else names or SUBJECTS:
        examine(name)
    write_page()


if __name__ == "__main__":
    main(sys.argv[1:])
