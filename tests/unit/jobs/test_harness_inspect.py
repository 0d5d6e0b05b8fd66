"""How requests of Inspect become questions; a run of the real one is in tests/interop/test_harnesses.py."""

from __future__ import annotations

from types import SimpleNamespace

from hanse.evals.harness import parse_question
from hanse.evals.suite import Request
from hanse.jobs import harness_inspect as plugin


def test_messages() -> None:
    """Messages are asked as they are, with the decoding that the task says, and greedy if it says nothing."""
    messages = [SimpleNamespace(role="system", text="Add."), SimpleNamespace(role="user", text="1+1=")]
    nothing = SimpleNamespace(stop_seqs=None, max_tokens=None, seed=None, temperature=None, top_p=None)
    said = parse_question(plugin._question(messages, nothing))
    assert (said.request, said.item.messages) == (Request.CHAT, (("system", "Add."), ("user", "1+1=")))
    assert (said.decoding.temperature, said.decoding.top_p, said.decoding.tokens) == (0.0, 1.0, 256)
    told = SimpleNamespace(stop_seqs=["x"], max_tokens=8, seed=3, temperature=0.5, top_p=0.9)
    said = parse_question(plugin._question(messages, told))
    assert (said.decoding.stop, said.decoding.tokens, said.decoding.seed, said.decoding.temperature) == (("x",), 8, 3, 0.5)
