"""`hanse conform`: how a server, proxy or download command stands up to a hostile origin (docs/conform.md)."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hanse.cli.usage import WrongUsage


def conform(
    url: str = "",
    /,
    *,
    listen: int = 8099,
    command: str = "",
    case: Annotated[list[str] | None, Parameter(negative=())] = None,
    patience: float = 30.0,
    xet: bool = False,
    report: Annotated[Path | None, Parameter(name="--json")] = None,
) -> int:
    """Say how a server, proxy or download command stands up to a hostile origin.

    Configure the server at URL with http://127.0.0.1:PORT as its upstream before you call this, PORT as in --listen. Exit code 0
    if every case passed, 1 otherwise. Without URL, --command examines a client instead.

    Args:
        url: address of the server or proxy, as HF_ENDPOINT.
        listen: port on which the hostile origin listens on 127.0.0.1.
        command: download command to examine; {origin}, {repo}, {file} and {dir} are filled in.
        case: only this case; may be given several times.
        patience: seconds after which a request or command counts as hung.
        xet: the origin says Xet hashes and serves by reconstruction too.
        report: file to which the report is written as JSON.
    """
    from hanse.conform.internal import InternalServer
    from hanse.conform.origin import HubOrigin
    from hanse.conform.report import as_json, line, summary
    from hanse.conform.subjects import Command, Server
    from hanse.conform.suite import Suite, chosen
    from hanse.store.outfile import replace_file, require_writable

    if bool(url) == bool(command):
        raise WrongUsage("give either the address of a server or --command", hint="hanse conform --help shows both")
    cases = chosen(case or [])
    require_writable(report)
    results = []
    with HubOrigin(xet=xet, chunk_lists=xet, port=listen) as origin, InternalServer() as internal:
        subject = Server(url, patience=patience) if url else Command(command, origin.url, patience=patience)
        with closing(subject):
            suite = Suite(origin, subject, internal)
            suite.require_honest()
            for result in suite.run(cases):
                results.append(result)
                print(line(result), flush=True)
    print(summary(results))
    if report is not None:
        replace_file(report, json.dumps(as_json(url or command, results), indent=1).encode() + b"\n")
    return 0 if all(result.verdict.ok for result in results) else 1
