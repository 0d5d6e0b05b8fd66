"""Real benign repositories, judged as wholes: what libraries write, a published model, and layouts made by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.scan.corpus import wilson
from tests.services.clients import MINILM, ROOT, SMOLLM2_GGUF, client_python

from hanse.flows.rulesets import builtin_ruleset
from hanse.flows.scanning import find_inputs, judge_folders, scan_all, workers
from hanse.model.finding import Coverage, RepositoryJudgement, Verdict

PARTS = {"scan": ("transformers", "custom", "sklearn"), "torch": ("sentence",), "hub2": ("datasets",)}
"""What `tests.scan_libs.repositories` writes with each environment."""
Found = list[tuple[str, RepositoryJudgement]]


def make(folder: Path) -> str:
    """Write all repositories into `folder`, one folder each; returns what could not be made."""
    said = []
    for client, parts in PARTS.items():
        home = folder / f".home-{client}"
        home.mkdir(parents=True)
        command = [str(client_python(client)), "-m", "tests.scan_libs.repositories", str(folder), *parts]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
            "HOME": str(home),
            "CUDA_VISIBLE_DEVICES": "",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=home, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    _by_hand(folder)
    return "".join(said)


def _by_hand(folder: Path) -> None:
    """Add what no library here writes: a published embedding model, a GGUF file with its card, a pipeline, an adapter."""
    shutil.copytree(MINILM, folder / "all-MiniLM-L6-v2")
    gguf = folder / "SmolLM2-GGUF"
    gguf.mkdir()
    (gguf / SMOLLM2_GGUF.name).symlink_to(SMOLLM2_GGUF)
    (gguf / "README.md").write_text(
        "---\nbase_model: x/y\ntags: [gguf]\n---\n# Quantised\nRun with `llama-cli -m FILE`.\n", "utf-8"
    )
    _pipeline(folder / "pipeline", folder / "CLIPModel")
    adapter = folder / "adapter"
    adapter.mkdir()
    told = {"peft_type": "LORA", "base_model_name_or_path": "x/y", "r": 8, "target_modules": ["q_proj"], "auto_mapping": None}
    (adapter / "adapter_config.json").write_text(json.dumps(told), encoding="utf-8")
    shutil.copy(folder / "ViTForImageClassification" / "model.safetensors", adapter / "adapter_model.safetensors")


def _pipeline(folder: Path, part: Path) -> None:
    """Write the layout of a diffusers pipeline, each part a folder with its configuration and weights."""
    parts = {
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "safety_checker": [None, None], **parts}
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    for name, (library, kind) in parts.items():
        (folder / name).mkdir()
        told = {"_class_name": kind, "_diffusers_version": "0.30.0", "sample_size": 64, "block_out_channels": [32, 64]}
        file = "scheduler_config.json" if name == "scheduler" else "config.json"
        if library == "transformers":
            shutil.copy(part / "config.json", folder / name / file)
            shutil.copy(part / "model.safetensors", folder / name / "model.safetensors")
        else:
            (folder / name / file).write_text(json.dumps(told), encoding="utf-8")
    for name in ("unet", "vae"):
        shutil.copy(part / "model.safetensors", folder / name / "diffusion_pytorch_model.safetensors")


def repositories(folder: Path) -> Iterator[Path]:
    """Yield the folders of the repositories."""
    yield from (one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith("."))


def judgements(folder: Path) -> Found:
    """Return (name, verdict) of every repository below `folder`."""
    return [(one.name, _judged(one)) for one in repositories(folder)]


def _judged(folder: Path) -> RepositoryJudgement:
    rules, items = builtin_ruleset(), find_inputs([folder])
    with workers(items) as pool:
        return judge_folders(scan_all(items, rules, pool, digest=True), rules)[folder]


def served(judgement: RepositoryJudgement) -> bool:
    """Tell whether a node would serve the whole repository."""
    return judgement.verdict.rank <= Verdict.CAUTION.rank and judgement.coverage is Coverage.COMPLETE


def refused(found: Found) -> list[str]:
    """Return one line for each repository that would not be served, with the rules that decided."""
    return [
        f"{name}: {one.verdict.value}/{one.coverage.value} {sorted({(f.rule, f.member) for f in one.findings})[:4]}"
        for name, one in found
        if not served(one)
    ]


def report(found: Found) -> str:
    """Return a Markdown table of how many repositories got which verdict and were not served, with the 95 % interval of that."""
    counts = [sum(one.verdict is verdict for _, one in found) for verdict in Verdict]
    partly = sum(one.coverage is not Coverage.COMPLETE for _, one in found)
    bad = len(refused(found))
    low, high = wilson(bad, len(found))
    lines = [
        "| repositories | safe | caution | suspicious | malicious | not fully read | not served (95 % interval) |",
        "|" + "---|" * 7,
    ]
    lines.append(f"| {len(found)} | {' | '.join(map(str, counts))} | {partly} | {bad} ({low:.1%} to {high:.1%}) |")
    return "\n".join(lines) + "\n"
