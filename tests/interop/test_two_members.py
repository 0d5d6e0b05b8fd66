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

from hanse.flows.evaluate.runfolder import keep_suite

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


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_made_by_one_and_checked_by_another(mother: Mother, tmp_path: Path) -> None:
    """V1, V2 and V3 by another member, in another engine, AGREE with a record, and stand in the other's log."""
    with _pair(mother, tmp_path) as pair:
        record = _recorded(pair, tmp_path)
        levels: dict[str, tuple[str | Path, ...]] = {
            "V1": (),
            "V2": (f"{NAME}@main", "--node", pair.one.node.url, *TORCH),
            "V3": (f"{NAME}@main", *TORCH),
        }
        said = {}
        for level, more in levels.items():
            to = ("--level", level, "--to", tmp_path / level, "--as", "other.example", "--json")
            said[level] = pair.at_other.hanse("reproduce", record, *more, *to, HANSE_NODE=pair.other.node.url)
            pair.other.hanse("log-record", tmp_path / level, f"{NAME}@main")
        print(said)
        print(_records(pair.at_other, pair.other))
        print(pair.at_other.hanse("evaluations", NAME, "--node", pair.other.node.url, "--json"))
        until(lambda: True, "")
        raise AssertionError
