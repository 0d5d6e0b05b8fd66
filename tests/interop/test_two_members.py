"""Two members with keys and logs of their own: one evaluates a real model in llama.cpp, the other checks it in PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.interop.test_engines import arithmetic
from tests.services.clients import SMOLLM2_GGUF, client_python
from tests.support.alliance import alliance, copied, upload
from tests.support.forked import Mother
from tests.support.members import Institution, Person, until

from hanse.evals.countersignature import COUNTERSIGNATURE
from hanse.flows.evaluate.runfolder import keep_suite
from hanse.model.evidence import parse_evidence
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import AttestLeaf

NAME = "uni/small"
SUITE = replace(arithmetic(), name="few-sums", items=arithmetic().items[::10], delta=0.35, agreement_min=0.5)
"""Twenty sums, the fewest that an audit decides on; the margin is one that so few can carry where some come out otherwise."""
LLAMA = ("--engine", "xllamacpp", "--python", client_python("evals"))
TORCH = ("--engine", "transformers", "--python", client_python("torch"))
WATCHFUL = {"HANSE_SCAN_PICKLESCAN": "off", "HANSE_RATE_API": "0"}


@dataclass
class Pair:
    """Two members with the same model. one, other: their nodes; at_one, at_other: who works there."""

    one: Institution
    other: Institution
    at_one: Person
    at_other: Person


@contextmanager
def _pair(mother: Mother, folder: Path) -> Iterator[Pair]:
    """Run two members; the model is published at one, and the other holds a copy, as members do."""
    with alliance(mother, folder, "one.example", "other.example", environ=WATCHFUL) as (one, other):
        model = folder / "model"
        model.mkdir()
        (model / "m.gguf").symlink_to(SMOLLM2_GGUF)
        copied(other, NAME, upload(one, NAME, model, folder / "home"))
        yield Pair(one, other, Person(mother, folder / "at-one"), Person(mother, folder / "at-other"))


def _recorded(pair: Pair, folder: Path) -> Path:
    """Let one evaluate and log, for everybody to see; return the folder into which the other fetched the record."""
    keep_suite(folder / "suite", SUITE)
    wanted = ("evaluate", f"{NAME}@main", "--suite", folder / "suite", "--to", folder / "run", "--as", "one.example", *LLAMA)
    pair.at_one.hanse(*wanted, HANSE_NODE=pair.one.node.url)
    pair.one.hanse("log-record", folder / "run", f"{NAME}@main", "--table", "public", "--transcript", "public")
    found = _records(pair.at_other, pair.one)
    fetch = ("fetch-record", NAME, found[0]["record"], "--node", pair.one.node.url)
    pair.at_other.hanse(*fetch, "--to", folder / "fetched")
    return folder / "fetched"


def _records(person: Person, at: Institution) -> list[dict[str, Any]]:
    """Return what a node lists of the suite."""
    said = json.loads(person.hanse("evaluations", NAME, "--node", at.node.url, "--json"))
    found: list[dict[str, Any]] = said["suites"][0]["records"]
    return found


def _cosigned(pair: Pair) -> bool:
    """Tell whether there is a checkpoint that draws: the first one after the record that anybody cosigned."""
    index = _records(pair.at_other, pair.one)[0]["index"]
    try:
        return index is not None and pair.one.node.get(f"/log/checkpoint/after/{index}")[0] == 200
    except OSError:
        return False


def _countersigned(pair: Pair) -> int:
    """Return how many countersignatures of the revision the other's own log lists."""
    status, body = pair.other.node.get(f"/api/models/{NAME}/evidence/main")
    assert status == 200
    listed = [parse_leaf(one.leaf) for log in parse_evidence(body).logs if log.origin == "other.example" for one in log.leaves]
    return sum(isinstance(leaf, AttestLeaf) and leaf.predicate == COUNTERSIGNATURE for leaf in listed)


def _checked(pair: Pair, folder: Path, *levels: str) -> dict[str, dict[str, Any]]:
    """Let the other check one's record at these levels, and log what it finds; return what the command said."""
    record = _recorded(pair, folder)
    until(lambda: _cosigned(pair), "a cosigned checkpoint after the record")
    more: dict[str, tuple[str | Path, ...]] = {"V1": (), "V2": ("--node", pair.one.node.url, *TORCH), "V3": TORCH}
    said = {}
    for level in levels:
        model = () if level == "V1" else (f"{NAME}@main",)
        to = ("--level", level, "--to", folder / level, "--as", "other.example", "--json")
        # Their logs never rest: the other's copy of one's log is behind what an audit sees of it a moment later.
        upload(pair.one, f"uni/{level.lower()}", folder / "suite", folder / "home")
        told = pair.at_other.hanse("reproduce", record, *model, *more[level], *to, HANSE_NODE=pair.other.node.url)
        said[level] = json.loads(told[: told.rindex("}") + 1])
        pair.other.hanse("log-record", folder / level, f"{NAME}@main")
    until(lambda: _countersigned(pair) == len(levels), "countersignatures in the other's log")
    assert said["V1"]["holds"]
    assert (said["V2"]["verdict"], said["V2"]["checkpointChecked"], said["V2"]["sameNumerics"]) == ("AGREES", "first", False)
    return said


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_made_by_one_and_audited_by_another(mother: Mother, tmp_path: Path) -> None:
    """V1 and V2 by another member, in another engine, AGREE with a record, and stand in the other's log."""
    with _pair(mother, tmp_path) as pair:
        _checked(pair, tmp_path, "V1", "V2")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_made_by_one_and_run_again_by_another(mother: Mother, tmp_path: Path) -> None:
    """So does a run of its own (V3)."""
    with _pair(mother, tmp_path) as pair:
        found = _checked(pair, tmp_path, "V1", "V2", "V3")["V3"]
        assert (found["verdict"], found["sameNumerics"]) == ("AGREES", False)
