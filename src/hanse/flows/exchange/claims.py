"""Passing on published results as claims: a signed statement about a model's files, of a type that no rule counts."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from hanse.errors import BadFormat
from hanse.evals.exchange.claim import CLAIM, Claimed
from hanse.evals.exchange.evalresults import parse_entries
from hanse.evals.exchange.everyeval import MAX_BYTES, parse_aggregate
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.subject import Subject
from hanse.model.publickey import Signer
from hanse.sign import statement as statements
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement
from hanse.store.outfile import replace_file

MAX_YAML = 64 * 1024
MAX_NESTED = 200
"""Brackets, and marks of lists on one line: the library's time grows with the square of these."""


def read_claims(data: bytes) -> Claimed:
    """Return what a file claims, in whichever of the two forms; raises TooLarge or BadFormat."""
    if data.lstrip()[:1] == b"{":
        return parse_aggregate(data)
    nested = data.count(b"[") + data.count(b"{") + data.count(b"- -") + data.count(b"? ")
    if len(data) > MAX_YAML or nested > MAX_NESTED or re.search(rb"(?:^|[\s,\[{:-])[&*]", data) is not None:
        raise BadFormat(
            f"a file of .eval_results has at most {MAX_YAML:,} bytes, few brackets, and no anchors or aliases of YAML"
        )
    try:
        said = yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFormat(f"a file of .eval_results is YAML in UTF-8: {str(error)[:200]}") from error
    return parse_entries(said)


def import_claims(file: Path, subject: Subject, to: Path, signer: Signer | None = None) -> dict[str, Any]:
    """Write the statement that a file claims results of a model, signed if there is a key; returns its predicate.

    Raises NotFoundError, TooLarge, BadFormat, StorageError.
    """
    data = read_bounded(file, MAX_BYTES)
    said = read_claims(data).predicate(hashlib.sha256(data).hexdigest())
    statement = Statement((statements.Subject(subject.name, {"sha256": subject.tree}),), CLAIM, said)
    replace_file(to, statement.encode() if signer is None else make_bundle(statement, signer).encode())
    return said
