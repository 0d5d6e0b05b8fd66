"""What is kept of a harness's log, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadFormat, InputError
from hanse.evals.engine import Answer
from hanse.evals.exchange.log import (
    Log,
    LogItem,
    Reader,
    adopt,
    follow,
    item_id,
    model_name,
    pick,
    read_lines,
    slug,
    suite_of,
    told,
)
from hanse.evals.itemtable import Status
from hanse.evals.scorers.exact import exact
from hanse.evals.suite import Decoding, Item, Request


def _log(*items: LogItem) -> Log:
    return Log("h", "1", "t", "2", "m", "model", Request.CHAT, Decoding(0.0, 1.0, 8), items)


def _one(name: str, outcome: float | None, epoch: int = 0, status: Status = Status.OK) -> LogItem:
    return LogItem(Item(name, name, (("user", name),), name), epoch, Answer(status, name, name), outcome)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("org/model", "org/model"),
        ("openai-api/local/adder", "openai-api/local/adder"),
        ("/home/alice/models/smol", "smol"),
        ("~/models/smol/", "smol"),
        ("../models/smol", "smol"),
        ("C:\\Users\\alice\\smol.gguf", "smol.gguf"),
        ("hf//home/alice/smol", "smol"),
        ("file:///home/alice/smol", "smol"),
        ("home/alice/models/smol", "smol"),
        ("a\nb\x00c", "a b c"),
        ("/", "unnamed"),
    ],
)
def test_no_folder_is_kept(said: str, kept: str) -> None:
    """Of a model's name the folders that it lay in are left out, on every kind of machine."""
    assert model_name(said) == kept


def test_the_suite_is_of_the_items_alone() -> None:
    """Two logs of one task, in another order and with other answers, come to one suite."""
    first, second = _log(_one("a", 1.0), _one("b", 0.0)), _log(_one("b", 1.0), _one("a", 1.0))
    assert suite_of(first).digest == suite_of(second).digest
    assert suite_of(first).scorer == ("h.m", "1")


def test_broken_logs_are_no_suite() -> None:
    """An item twice, one that changes, one without all its epochs, and an outcome that is no share are refused."""
    with pytest.raises(BadFormat, match="twice"):
        suite_of(_log(_one("a", 1.0), _one("a", 0.0)))
    with pytest.raises(BadFormat, match="not complete"):
        suite_of(_log(_one("a", 1.0), _one("a", 0.0, epoch=1), _one("b", 0.0)))
    for outcome, status in ((1.5, Status.OK), (None, Status.OK), (1.0, Status.INFRA_ERROR), (float("nan"), Status.OK)):
        with pytest.raises(BadFormat, match="to be an outcome"):
            _log(_one("a", outcome, status=status))
    with pytest.raises(BadFormat, match="answers to"):
        _log()


def test_outcomes_must_follow_where_they_can() -> None:
    """A log whose outcome is another than its own answer comes to is refused."""
    follow(_log(_one("a", 1.0)), exact)
    with pytest.raises(BadFormat, match="does not come to"):
        follow(_log(_one("a", 0.0)), exact)


def test_a_scorer_of_ours_where_all_outcomes_follow() -> None:
    """A log is one by our scorer if each of its outcomes follows; if one does not, all of them stay the harness's word."""
    ours = {("exact", "1"): exact}
    like = replace(_log(_one("a", 1.0), _one("b", None, status=Status.INFRA_ERROR)), like=("exact", "1"))
    assert adopt(like, ours).scorer == ("exact", "1")
    assert adopt(replace(like, items=(_one("a", 0.0), _one("b", 1.0))), ours).scorer is None
    assert adopt(replace(like, like=None), ours) == replace(like, like=None)
    assert adopt(like, {}) == like


def test_names_in_their_forms() -> None:
    """Names of others become names of ours, and two ids that differ stay apart."""
    assert slug("A_b c!") == "a-b-c"
    assert slug("\u4e2d") == "unnamed"
    assert item_id("a/b-1") == "a/b-1"
    assert item_id("a b") != item_id("a  b")
    assert len(item_id("x" * 500)) <= 200
    assert told("a\x1b[31m\u202e" + "b" * 1000).startswith("a [31m bbb")


def test_one_of_several_is_named() -> None:
    """Where a log has several tasks the message lists them; nothing is guessed."""
    assert pick("tasks", ["a"], "", "--task") == "a"
    with pytest.raises(InputError) as caught:
        pick("tasks", ["a", "b"], "", "--task")
    assert caught.value.hint == "--task with one of a, b"
    with pytest.raises(BadFormat, match="no tasks"):
        pick("tasks", [], "", "--task")


@pytest.mark.parametrize(
    "line", [b'{"a":NaN}', b'{"a":1,"a":2}', b"[1]", b'{"a":' + b"[" * 30 + b"]" * 30 + b"}", b'{"a":"\\ud800"}', b"\xff", b"{"]
)
def test_hostile_lines(line: bytes) -> None:
    """Lines that two readers could read differently, or that are deep, are refused."""
    with pytest.raises(BadFormat):
        read_lines(line, "samples")


def test_values_of_another_form_are_named() -> None:
    """A value of another form is refused with the name of its place."""
    said = Reader({"a": [], "b": "x", "c": True}, "log")
    with pytest.raises(BadFormat, match=r"log\.a"):
        said.text("a")
    with pytest.raises(BadFormat, match=r"log\.b"):
        said.number("b", 0, 1)
    with pytest.raises(BadFormat, match=r"log\.b"):
        said.inner("b")
    with pytest.raises(BadFormat, match=r"log\.c"):
        said.array("c")
