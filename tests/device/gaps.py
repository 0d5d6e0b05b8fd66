"""Gaps of honest claims and of cheats on a real model, from which thresholds of the token audit are set.

By hand, half an hour of one processor:

    python -m tests.device.gaps run FOLDER      answers and gaps of SmolLM2-135M, one JSON file each, kept and gone on with
    python -m tests.device.gaps own FOLDER      the same in the claim's own numerics class, by another process in another order
    python -m tests.device.gaps say FOLDER      what they come to under the table in use, as docs/evaluations.md has it

Claims are answers of llama.cpp and PyTorch under several settings (honest), and of changed weights, temperatures and prompts
(cheats). They are forced on the two engines that this project audits with. Whole audits are then drawn from the items, with
replacement, and judged by the code that judges real ones.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.interop.test_engines import arithmetic
from tests.services.clients import SMOLLM2_GGUF, client_python

from hanse.evals import compare
from hanse.evals.audit import GAPS_2, GAPS_3_SAME, Checked, Thresholds, judge
from hanse.evals.compare import ItemResult, Terms, pair
from hanse.evals.scorers.exact import number
from hanse.evals.suite import Item
from hanse.flows.suites.shipped import shipped
from hanse.model.digest import Sha256

HERE = Path(__file__).parent
SHORT, LONG = 100, 40
HONEST = {
    "llama": ("usual", "threads2", "kv-f32", "kv-q8", "flash", "batch16"),
    "torch": ("fp32-eager", "fp32-sdpa", "bf16-eager", "bf16-sdpa"),
}
AUDITORS = {"torch": "fp32-eager", "llama": "usual"}
WEIGHTS = {
    **{f"noise-{share}": ("noise", share) for share in ("0.01", "0.02", "0.05", "0.1", "0.2")},
    "three-bits": ("less", "0"),
    "layer-gone": ("layer", "0"),
}
DRAWN = {"temperature-0.3": 0.3, "temperature-0.7": 0.7}
OWN = {"llama-usual": "usual", "llama-threads2": "threads2", "llama-batch16": "batch16"} | {
    name: "usual" for name in WEIGHTS if name.startswith("noise-")
}
"""Claims that are audited in their own class, and the setting of the auditor; weights with noise by the right ones."""
TRIALS, AUDITED = 400, (60, 100)


def bodies(temperature: float = 0.0, lead: str = "") -> list[dict[str, Any]]:
    """Return what is asked: short answers to sums, then longer ones to chat. lead: what another prompt begins with."""
    more = {"temperature": temperature, "top_p": 1.0, "seed": 7}
    short = [_body(one, 4, ["\n"]) for one in arithmetic().items[:: 200 // SHORT]]
    questions = shipped("harmless").items[::5][:LONG]
    english = [one for one in questions if one.id[-3:] not in {"-de", "-fr", "-es", "-zh", "-hi"}]
    asked = [*short, *(_body(one, 12, []) for one in english)]
    return [{**one, **more, **_led(one, lead)} for one in asked]


def _body(item: Item, tokens: int, stop: list[str]) -> dict[str, Any]:
    text = item.messages[0][1]
    asked = {"prompt": text} if stop else {"messages": [{"role": "user", "content": text}]}
    return asked | {"key": item.id, "max_tokens": tokens, "stop": stop}


def _led(body: Mapping[str, Any], lead: str) -> dict[str, Any]:
    if not lead:
        return {}
    if "prompt" in body:
        return {"prompt": body["prompt"].removeprefix("1+1=2\n")}
    return {"messages": [{"role": "system", "content": lead}, *body["messages"]]}


def ask(engine: str, setting: str, model: Path, said: Sequence[Mapping[str, Any]], to: Path) -> dict[str, Any]:
    """Return answers by key, from the file if they are there."""
    if to.exists():
        return dict(json.loads(to.read_text()))
    python = client_python("evals" if engine == "llama" else "torch")
    command = [str(python), "-I", str(HERE / "gaps_engine.py"), engine, setting, str(model)]
    lines = "".join(json.dumps(one) + "\n" for one in said)
    environment = {"PATH": os.environ["PATH"], "HOME": str(to.parent), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=environment, check=False)
    found = {one.pop("key"): one for one in map(json.loads, done.stdout.splitlines())}
    if len(found) != len(said):
        raise SystemExit(f"{engine} {setting} gave {len(found)} answers to {len(said)}: {done.stderr[-500:]}")
    to.write_text(json.dumps(found))
    print(to.name, flush=True)
    return found


def changed(folder: Path, name: str) -> Path:
    """Return the model with other weights."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        kind, share = WEIGHTS[name]
        shutil.copyfile(SMOLLM2_GGUF, path.with_suffix(".part"))
        command = [*map(str, (client_python("torch"), HERE / "noise.py", path.with_suffix(".part"), kind, share))]
        print(name, subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), "matrices", flush=True)
        path.with_suffix(".part").rename(path)
    return path


def claims(folder: Path, engines: Sequence[str]) -> Iterator[str]:
    """Make the answers of every claim that these engines give, and yield their names."""
    for engine in engines:
        for setting in HONEST[engine]:
            name = f"{engine}-{setting}"
            ask(engine, setting, SMOLLM2_GGUF, bodies(), folder / f"{name}.json")
            yield name
    if "llama" not in engines:
        return
    for name in WEIGHTS:
        ask("llama", "usual", changed(folder, name), bodies(), folder / f"{name}.json")
        yield name
    for name, temperature in DRAWN.items():
        ask("llama", "usual", SMOLLM2_GGUF, bodies(temperature), folder / f"{name}.json")
        yield name
    ask("llama", "usual", SMOLLM2_GGUF, bodies(lead="Answer in one word."), folder / "other-prompt.json")
    yield "other-prompt"


def force(folder: Path, auditor: str, claim: str) -> None:
    """Force a claim's tokens on an auditor's engine, behind the prompts that are the suite's."""
    found = json.loads((folder / f"{claim}.json").read_text())
    said = [one | {"force": found[one["key"]]["tokens"]} for one in bodies() if found[one["key"]].get("tokens")]
    ask(auditor, AUDITORS[auditor], SMOLLM2_GGUF, said, folder / f"{claim}.by-{auditor}.json")


def own(folder: Path) -> None:
    """Force every claim of `OWN` on an engine of its class: a process of its own, and the items in reverse order."""
    for name, setting in OWN.items():
        model = changed(folder, name) if name in WEIGHTS else SMOLLM2_GGUF
        found = ask("llama", setting, model, bodies(), folder / f"{name}.json")
        said = [one | {"force": found[one["key"]]["tokens"]} for one in bodies() if found[one["key"]].get("tokens")]
        ask("llama", setting, SMOLLM2_GGUF, said[::-1], folder / f"{name}.by-own.json")


def invented(folder: Path) -> None:
    """Make claims whose answers are the right ones, whatever the model says."""
    honest = json.loads((folder / "llama-usual.json").read_text())
    right = {one.id: one.target for one in arithmetic().items}
    said = [one for one in honest.values() if len(one["tokens"]) == len(one["text"])]  # a token is one digit
    digits = {digit: token for one in said for digit, token in zip(one["text"], one["tokens"], strict=True)}
    wrong = [key for key, one in honest.items() if key in right and one["text"] != right[key]]
    made = {key: {"tokens": [digits[digit] for digit in right[key]], "text": right[key]} for key in wrong}
    empty: dict[str, dict[str, list[int]]] = {key: {"tokens": []} for key in honest if key not in made}
    (folder / "invented.json").write_text(json.dumps(made | empty))


def run(folder: Path) -> None:
    """Make all answers and gaps."""
    folder.mkdir(parents=True, exist_ok=True)
    only = os.environ.get("GAPS_ENGINES", "llama torch").split()
    for name in [*claims(folder, only)]:
        for auditor in (os.environ.get("GAPS_AUDITORS", "torch llama")).split():
            force(folder, auditor, name)


def pool(folder: Path, claim: str, auditor: str, *, short: bool) -> list[Checked]:
    """Return the items of a claim as an auditor found them: those with short answers, or those with longer ones."""
    path = folder / f"{claim}.by-{auditor}.json"
    if not path.exists():
        return []
    found, made = json.loads(path.read_text()), json.loads((folder / f"{claim}.json").read_text())
    items = []
    for key, one in found.items():
        if auditor == "own" and not one.get("as_said"):
            continue
        text = str(made[key].get("text", one.get("text", ""))).strip()
        if key.startswith("sum-") == short and text.isascii():
            follows = "failed" not in one and (one["text"].strip() == text or one["text"].startswith(text))
            items.append(Checked(key, tuple(max(0.0, gap) for gap in one.get("gaps", ())), follows=follows))
    return items


def audits(
    items: Sequence[Checked], k: int, honest: Sequence[Checked] = (), share: float = 1.0, table: Thresholds = GAPS_2
) -> Counter[str]:
    """Return the verdicts of audits of k items, a share of them from `items`, the rest from `honest`."""
    draw, seen = random.Random(7), Counter[str]()
    for _ in range(TRIALS):
        picked = [draw.choice(items) if draw.random() < share else draw.choice(honest) for _ in range(k)]
        named = [replace(one, item=f"{at}") for at, one in enumerate(picked)]
        seen[judge(named, 400, Sha256("0" * 64), table).verdict.value] += 1
    return seen


def reruns(folder: Path, claim: str, own: str = "torch-fp32-eager") -> Counter[str]:
    """Return the verdicts of reruns of 400 sums on another engine, whose pairs of outcomes are drawn from those here."""
    items = {one.id: one for one in arithmetic().items}
    here, there = (json.loads((folder / f"{name}.json").read_text()) for name in (claim, own))
    keys = [key for key in here if key in items and key in there]
    pairs = [tuple(number(items[key], said[key]["text"]) for said in (here, there)) for key in keys]
    draw, seen, terms = random.Random(7), Counter[str](), Terms(0.05, 0.8, 400)
    for _ in range(TRIALS):
        rows = [draw.choice(pairs) for _ in range(400)]
        first, second = ({f"{at}": ItemResult(f"{at}", row[side]) for at, row in enumerate(rows)} for side in (0, 1))
        seen[compare.judge(pair(first, second, terms), terms)[0].value] += 1
    return seen


def rerun_rows(folder: Path) -> None:
    """Print a row for each claim: what a rerun of 400 sums comes to."""
    print("| claim | V3, 400 items: DISAGREES | AGREES |")
    for name in sorted(path.stem for path in folder.glob("*.json") if ".by-" not in path.name and path.stem != "invented"):
        found = reruns(folder, name)
        print(f"| {name} | {found['DISAGREES'] / TRIALS:.3f} | {found['AGREES'] / TRIALS:.3f} |")


def say(folder: Path) -> None:
    """Print a row for each claim, auditor and length of answers."""
    print("| claim | audited by | answers | mean gap | largest | likeliest | DISAGREES, 60 items | 100 items |")
    for path in sorted(folder.glob("*.by-*.json")):
        claim, _, auditor = path.stem.partition(".by-")
        for short in (True, False):
            items = pool(folder, claim, auditor, short=short)
            gaps = [gap for one in items for gap in one.gaps]
            if not gaps:
                continue
            rates = [audits(items, k, table=GAPS_3_SAME if auditor == "own" else GAPS_2) for k in AUDITED]
            wrong = sum(not one.follows for one in items)
            print(
                f"| {claim} | {auditor} | {'short' if short else 'long'} {len(items)}/{len(gaps)} | {sum(gaps) / len(gaps):.4f} "
                f"| {max(gaps):.3f} | {sum(gap == 0 for gap in gaps) / len(gaps):.3f} | "
                + " | ".join(f"{one['DISAGREES'] / TRIALS:.3f} (AGREES {one['AGREES'] / TRIALS:.3f})" for one in rates)
                + f" | {wrong}"
            )


if __name__ == "__main__":
    {"run": run, "own": own, "say": say, "reruns": rerun_rows}[sys.argv[1]](Path(sys.argv[2]))
