"""What a harness asks and says is bounded, and its log must hold the engine's own answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hanse.errors import BadFormat
from hanse.evals.engine import Answer
from hanse.evals.exchange.log import Log, LogItem, suite_of
from hanse.evals.harness import Description, Question, bind, parse_question
from hanse.evals.itemtable import Status
from hanse.evals.suite import Decoding, Item, Request

SAID: dict[str, Any] = {"prompt": "1+1=", "max_tokens": 4, "temperature": 0.0, "top_p": 1.0, "stop": ["\n"], "seed": 7}


def test_questions() -> None:
    """A text, messages and choices become what an engine is asked; equal questions have one key, other decoding another."""
    one = parse_question(SAID)
    assert (one.request, one.ask(2).epoch, one.ask(2).seed) == (Request.COMPLETION, 2, 9)
    assert parse_question(dict(SAID)).key == one.key
    assert parse_question(SAID | {"seed": 8}).key != one.key
    chat = {name: value for name, value in SAID.items() if name != "prompt"} | {"messages": [["system", "a"], ["user", "b"]]}
    assert parse_question(chat).item.messages == (("system", "a"), ("user", "b"))
    ranked = parse_question({"prompt": "Is it?", "choices": [" yes", " no"]})
    assert (ranked.request, ranked.item.choices) == (Request.LOGLIKELIHOOD, (" yes", " no"))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": 7},
        {"max_tokens": 0},
        {"max_tokens": 10**9},
        {"temperature": float("nan")},
        {"top_p": "1"},
        {"seed": -1},
        {"stop": ["x"] * 17},
        {"stop": [1]},
        {"messages": []},
        {"messages": [["tool", "x"]]},
        {"messages": [["user"]]},
        {"messages": [["user", "x"]] * 101},
        {"choices": []},
        {"choices": ["a", "a"]},
        {"choices": ["a"] * 257},
        {"prompt": "x" * 300_000},
    ],
)
def test_hostile_questions(change: dict[str, Any]) -> None:
    """A question that no engine could be asked is refused."""
    with pytest.raises(BadFormat):
        parse_question(SAID | change)


def test_what_a_harness_says_of_itself() -> None:
    """A harness that is not known is refused; a digest that is none counts as unknown."""
    assert Description.of({"name": "lm-eval", "version": "0.4.13", "code": "x"}).code == ""
    for said in ({"name": "other", "version": "1"}, {"name": "inspect", "version": ""}, {"name": "inspect", "version": "1\n2"}):
        with pytest.raises(BadFormat):
            Description.of(said)


def _asked(text: str = "2", prompt: str = "1+1=") -> tuple[Question, Answer]:
    question = parse_question(SAID | {"prompt": prompt})
    return question, Answer(Status.OK, text, f"<s>{prompt}", tokens=(5,), count=1, logprobs=(-0.5,))


def _log(text: str = "2") -> Log:
    item = Item("sums-0", "sums-0", (("user", "1+1="),), "2")
    told = LogItem(item, 0, Answer(Status.OK, text, "1+1="), 1.0)
    decoding = Decoding(0.0, 1.0, 256)
    about = ("lm-eval", "0.4.13", "sums", "1", "exact_match", "m")
    return Log(*about, Request.COMPLETION, decoding, (told,), complete=False, gaps=("clusters", "status", "tokens", "decoding"))


def test_what_the_engine_said_closes_gaps() -> None:
    """Tokens, the prompt as the model saw it and the decoding come from the engine; what it cannot tell stays a gap."""
    log = bind(_log(), [_asked()])
    answer = log.items[0].answer
    assert (answer.rendered, answer.tokens, log.decoding.tokens, log.decoding.stop) == ("<s>1+1=", (5,), 4, ("\n",))
    assert log.gaps == ("driven", "tokenizer", "suite-before-run", "clusters")
    assert suite_of(log).version == "1-driven"


def test_answers_that_the_engine_did_not_give() -> None:
    """A log with another answer than the engine's, or one to another question, is refused."""
    with pytest.raises(BadFormat, match="did not give"):
        bind(_log("3"), [_asked()])
    with pytest.raises(BadFormat, match="did not give"):
        bind(_log(), [_asked(prompt="1+2=")])


def test_what_went_out_is_the_item() -> None:
    """Where a harness put more in front of a sample, the item is what the model was asked."""
    log = _log()
    one = replace(log.items[0], asked=(("user", "Add. 1+1="),))
    bound = bind(replace(log, items=(one,)), [_asked(prompt="Add. 1+1=")])
    assert bound.items[0].item.messages == (("user", "Add. 1+1="),)


def test_several_ways_of_decoding() -> None:
    """A task that decodes its items in several ways is no suite."""
    log = _log()
    other = replace(log.items[0], item=replace(log.items[0].item, id="sums-1", messages=(("user", "2+2="),)))
    question = parse_question(SAID | {"prompt": "2+2=", "max_tokens": 5})
    with pytest.raises(BadFormat, match="2 ways"):
        bind(replace(log, items=(log.items[0], other)), [_asked(), (question, Answer(Status.OK, "2", ""))])


def test_epochs_keep_their_answers() -> None:
    """Of several answers to one question each epoch has its own, in turn."""
    log = _log()
    items = tuple(replace(log.items[0], epoch=epoch) for epoch in range(2))
    first, second = _asked(), (_asked()[0], replace(_asked()[1], tokens=(6,)))
    bound = bind(replace(log, items=items), [first, second])
    assert [one.answer.tokens for one in bound.items] == [(5,), (6,)]
