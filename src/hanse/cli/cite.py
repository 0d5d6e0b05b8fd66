"""`hanse cite`: how to cite a revision so that whoever reads the citation gets these very bytes."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import quote

from cyclopts import Parameter

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
    if form == "json":
        print(json.dumps(found, indent=2))
    elif form == "swhid":
        print(f"{found['swhRevision']}\n{found['swhDirectory']}")
    else:
        print(found[form], end="")
