"""The lm-evaluation-harness as a plug-in: its tasks, prompts and metrics, with answers from whoever drives it.

Loaded by `harness_program`, in an environment that has lm-eval; it needs neither PyTorch nor the network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = ("lm-eval", "lm_eval")
_TOKENS = 256
_KINDS = {"multiple_choice", "generate_until"}
Ask = Callable[[dict[str, Any]], dict[str, Any]]


def _model(ask: Ask) -> type:
    """Return a model of the harness's that passes every request on."""
    from lm_eval.api.model import LM  # noqa: PLC0415 the harness's environment has it

    class Asking(LM):  # type: ignore[misc]
        """Passes requests on."""

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            """Return the log-likelihood of each choice; the choices of one item are asked together."""
            del disable_tqdm
            found: list[tuple[float, bool]] = []
            for group in _grouped(requests):
                said = ask({"prompt": group[0].args[0], "choices": [one.args[1] for one in group]})
                # That no other text is likelier is not told: none of the tasks that are driven needs it.
                found += [(float(value), False) for value in said["logprobs"]]
            return found

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            """Return what the model goes on with."""
            del disable_tqdm
            return [str(ask(_question(*one.args))["text"]) for one in requests]

        def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
            """Raise ValueError: no task that is driven asks this."""
            del disable_tqdm
            raise ValueError(f"{len(requests)} rolling log-likelihoods are not driven")

    return Asking


def _grouped(requests: list[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    for one in requests:
        last = groups[-1][0] if groups else None
        same = last is not None and (last.task_name, last.doc_id, last.args[0]) == (one.task_name, one.doc_id, one.args[0])
        if same and one.idx > groups[-1][-1].idx:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _question(prompt: str, said: dict[str, Any]) -> dict[str, Any]:
    until = said.get("until") or []
    warm = float(said.get("temperature") or 0.0) if said.get("do_sample") else 0.0
    tokens = said.get("max_gen_toks") or said.get("max_tokens") or _TOKENS
    question = {"prompt": prompt, "stop": [until] if isinstance(until, str) else list(until), "seed": 0}
    return question | {"max_tokens": int(tokens), "temperature": warm, "top_p": float(said.get("top_p") or 1.0) if warm else 1.0}


def run(order: dict[str, Any], ask: Ask) -> Path:
    """Run a task and return the file of results. order: {task, include, limit, to}; raises ValueError for what is not driven."""
    import lm_eval  # noqa: PLC0415
    from lm_eval.api.registry import register_model  # noqa: PLC0415 as above
    from lm_eval.loggers import EvaluationTracker  # noqa: PLC0415
    from lm_eval.tasks import TaskManager  # noqa: PLC0415
    from lm_eval.tasks._yaml_loader import load_yaml  # noqa: PLC0415

    model = register_model("hanse")(_model(ask))()
    manager = TaskManager(include_path=order.get("include") or None)
    task = load_yaml(order["task"], resolve_func=True) if order["task"].endswith((".yaml", ".yml")) else order["task"]
    tracker = EvaluationTracker(output_path=order["to"])
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=manager,
        limit=order.get("limit") or None,
        log_samples=True,
        evaluation_tracker=tracker,
        batch_size=1,
    )
    if found is None:
        raise ValueError("the harness gives no results")
    kinds = {str(one.get("output_type")) for one in found["configs"].values()}
    if not kinds <= _KINDS:
        raise ValueError(f"tasks that choose or generate are driven, not {', '.join(sorted(kinds))}")
    samples = found.pop("samples")
    found["config"]["model"], found["config"]["model_args"] = "hanse", f"model={order['model']}"
    tracker.save_results_aggregated(results=found, samples=samples)
    for name, rows in samples.items():
        tracker.save_results_samples(task_name=name, samples=rows)
    written = sorted(Path(order["to"]).rglob("results_*.json"))
    sys.stdout.flush()
    return written[-1]
