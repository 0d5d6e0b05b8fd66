"""`hanse cite`: how to cite a revision so that whoever reads the citation gets these very bytes."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import quote

from cyclopts import Parameter

from hanse.cli.expected import as_told, printable
from hanse.cli.remote import Node, ask, node_address, split_name


def cite(
    name: Annotated[str, Parameter(name="name", help="ORG/NAME@REVISION, or datasets/ORG/NAME@REVISION; default main.")],
    /,
    *,
    form: Annotated[
        Literal["bibtex", "cff", "swhid", "json"],
        Parameter(name="--format", help="bibtex, cff (CITATION.cff), swhid or json."),
    ] = "bibtex",
    node: Node = "",
) -> None:
    """Print a citation of exactly this revision: commit, tree of all files, archive identifier and place in the log.

    A branch or tag is resolved to the commit that it points at now.
    """
    path, rev = split_name(name)
    found = ask("GET", f"{node_address(node)}/api/{path}/cite/{quote(rev, safe='')}")
    with as_told("how to cite it"):
        parts = ("swhRevision", "swhDirectory") if form == "swhid" else ("bibtex" if form == "json" else form,)
        text = "\n".join(found[one].removesuffix("\n") for one in parts)
        text = "\n".join(printable(text.split("\n")))
    print(json.dumps(found, indent=2) if form == "json" else text)
