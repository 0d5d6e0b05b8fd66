"""How requests of lm-eval become questions; a run of the real one is in tests/interop/test_harnesses.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hanse.evals.harness import parse_question
from hanse.evals.suite import Request
from hanse.jobs import harness_lmeval as plugin


def _request(doc: int, idx: int, context: str, choice: str) -> Any:
    return SimpleNamespace(task_name="t", doc_id=doc, idx=idx, args=(context, choice))


def test_choices_of_one_item_are_asked_together() -> None:
    """Requests of one item with one context make one question; another item, context or first choice begins the next."""
    asked = [_request(0, 0, "a", "yes"), _request(0, 1, "a", "no"), _request(1, 0, "a", "yes"), _request(1, 1, "b", "no")]
    assert [len(group) for group in plugin._grouped([*asked, _request(1, 0, "b", "yes")])] == [2, 1, 1, 1]


def test_generation() -> None:
    """What a task says of decoding is what is asked; what it does not say is the harness's default, and greedy."""
    said = parse_question(plugin._question("1+1=", {"until": "\n", "max_gen_toks": 4, "temperature": 0.7}))
    assert (said.request, said.decoding.temperature, said.decoding.stop, said.decoding.tokens) == (
        Request.COMPLETION,
        0,
        ("\n",),
        4,
    )
    warm = parse_question(plugin._question("1+1=", {"do_sample": True, "temperature": 0.7, "top_p": 0.9}))
    assert (warm.decoding.temperature, warm.decoding.top_p, warm.decoding.tokens) == (0.7, 0.9, 256)
