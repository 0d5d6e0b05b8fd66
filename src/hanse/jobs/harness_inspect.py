"""Inspect AI as a plug-in: its tasks, solvers and scorers, with answers from whoever drives it.

Loaded by `harness_program`, in an environment that has inspect-ai.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PACKAGE = ("inspect", "inspect_ai")
_TOKENS = 256
_STOPS = {"truncated": "max_tokens", "filtered": "content_filter"}
Ask = Callable[[dict[str, Any]], dict[str, Any]]


def _register(ask: Ask) -> None:
    """Make a provider of models known to Inspect that passes every request on."""
    import anyio.to_thread  # noqa: PLC0415 the harness's environment has it
    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi  # noqa: PLC0415

    class Asking(ModelAPI):  # type: ignore[misc]
        """Passes requests on."""

        def max_connections(self) -> int:
            """Return that one is asked at a time."""
            return 1

        async def generate(self, input: list[Any], tools: list[Any], tool_choice: Any, config: Any) -> Any:  # noqa: A002
            """Return the answer to messages; raises ValueError for what is not asked."""
            del tool_choice
            if tools:
                raise ValueError("samples with tools are not driven")
            said = await anyio.to_thread.run_sync(ask, _question(input, config))
            output = ModelOutput.from_content(self.model_name, said["text"], _STOPS.get(said["ended"], "stop"))
            output.usage = ModelUsage(output_tokens=said["count"], total_tokens=said["count"])
            return output

    @modelapi(name="hanse")  # type: ignore[untyped-decorator]
    def hanse() -> type:
        return Asking


def _question(messages: list[Any], config: Any) -> dict[str, Any]:
    question: dict[str, Any] = {"messages": [[one.role, one.text] for one in messages], "stop": list(config.stop_seqs or [])}
    question |= {"max_tokens": config.max_tokens or _TOKENS, "seed": config.seed or 0}
    return question | {"temperature": config.temperature or 0.0, "top_p": 1.0 if config.top_p is None else config.top_p}


def run(order: dict[str, Any], ask: Ask) -> str:
    """Run a task and return its log. order: {task, limit, to, model}; raises ValueError for one that does not come to its end."""
    import inspect_ai  # noqa: PLC0415 as above

    _register(ask)
    logs = inspect_ai.eval(
        order["task"],
        model=f"hanse/{order['model']}",
        limit=order.get("limit") or None,
        log_dir=order["to"],
        log_format="eval",
        display="none",
        max_samples=1,
        max_connections=1,
        fail_on_error=False,
        score=True,
        log_realtime=False,
    )
    if len(logs) != 1 or logs[0].status != "success":
        why = logs[0].error.message if logs and logs[0].error else ", ".join(str(one.status) for one in logs)
        raise ValueError(f"the harness ends with {why[:300]}")
    return str(logs[0].location)
